# tiny_hand, tiny_run and plugin_manager.
pytest_plugins = ["handbone.plugin_kit.fixtures"]
