"""What runs the jobs: (kind, key) pairs whose loss, doubling or delay does no harm."""
