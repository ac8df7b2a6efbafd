"""What tests share: real servers to talk to, and the environment that tests run in."""
