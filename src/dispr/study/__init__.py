"""The published study on one's own cells: models per fold, shapes, scores, classes."""
