"""Fields of view: many cells in one image, found by their labels, predicted and put back."""
