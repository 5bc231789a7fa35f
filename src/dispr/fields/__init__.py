"""The former name of `dispr.labelled.field`, kept so that old imports work."""
