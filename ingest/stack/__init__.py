"""A household's server as a folder of files, which `strapline init --stack` writes: secrets, broker, TLS, settings."""
