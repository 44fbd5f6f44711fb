"""What leaves a project: labels, predictions and models, in formats that other tools read."""
