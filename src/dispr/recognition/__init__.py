"""The class of a cell from what is known of it."""
