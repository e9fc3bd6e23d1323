"""What the journeys stand on: real processes, real sockets, clients that are not ours."""
