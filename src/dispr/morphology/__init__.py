"""What a shape measures."""
