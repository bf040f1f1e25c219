"""What is wrong or odd in a dataset: files, splits and labels."""
