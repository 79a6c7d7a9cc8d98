"""From beats to NN intervals, indices and points in stores."""
