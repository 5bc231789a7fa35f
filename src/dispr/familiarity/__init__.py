"""How like the training cells a cell is."""
