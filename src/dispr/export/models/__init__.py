"""Models in the formats of other programs: ONNX, BioImage.IO."""
