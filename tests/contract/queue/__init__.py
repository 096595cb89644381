"""The queue against real servers: Valkey 9 from its wheel and Debian's Redis 7.0."""
