"""What `strapline doctor` looks at: one module for each place that is examined, each with a list of findings."""
