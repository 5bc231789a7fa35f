"""Compare two conditions: statistics of predicted cells that count the prediction's error."""
