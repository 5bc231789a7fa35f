"""What the shapes are for: telling classes of cells apart by their features."""
