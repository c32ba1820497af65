"""What the end-to-end tests stand on: the real proxy as a subprocess, clients with nothing set but proxy and CA, made-up traffic."""
