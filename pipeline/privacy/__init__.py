"""What a person may ask for: everything about them in a file, and none of it left."""
