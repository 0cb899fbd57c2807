"""Prediction of what comes next: distributions, words that continue typed text, and the counts behind."""
