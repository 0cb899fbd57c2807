"""What comes next: distributions after contexts, words that continue typed text, and counts behind them."""
