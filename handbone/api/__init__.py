"""What `import handbone` offers to Python: thin over what the commands do."""
