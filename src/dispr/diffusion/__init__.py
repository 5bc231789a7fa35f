"""Noise and its removal: schedules, objectives and samplers."""
