"""What is wrong with a cluster, in words, with the remedy: readings in, findings out."""
