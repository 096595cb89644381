"""One set of promises, held by every Redis and MongoDB that a URL can name."""
