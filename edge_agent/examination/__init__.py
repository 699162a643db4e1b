"""What is wrong with this node, in words."""
