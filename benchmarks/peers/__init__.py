"""What serves the job: Bramble, and one small module for each of the others, written as their own guides advise."""
