"""What several tests share; nothing here stands in for a part that could be had for real."""
