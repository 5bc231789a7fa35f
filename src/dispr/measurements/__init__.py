"""What the cells of a folder measure."""
