"""The run of a recipe: engine, folder, plan and manifest."""
