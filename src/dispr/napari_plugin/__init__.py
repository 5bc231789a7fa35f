"""The napari plugin; nothing else in the package imports napari, Qt or this."""
