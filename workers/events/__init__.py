"""The progress stream: schema, publish, follow. Our one contract with every watcher."""
