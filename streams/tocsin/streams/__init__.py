"""What is decided in between: the rules, the engine that runs them, the processes, and the embedded Kafka."""
