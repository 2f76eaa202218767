"""What the commands do; `watcher.cli` names them."""
