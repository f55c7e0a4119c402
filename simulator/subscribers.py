"""The operator's provisioning, as far as the phone page needs it: what a number is, and making it something."""

from simulator.gateway_client import Gateway, GatewayAnswer


class Subscribers:
    """Reads and writes subscribers at the gateway; its answers are passed on."""

    def __init__(self, *, gateway: Gateway, key: str) -> None:
        self._gateway = gateway
        self._headers = {"Authorization": f"Bearer {key}"}

    async def show(self, msisdn: str) -> GatewayAnswer:
        """The subscriber as the gateway knows it."""
        return await self._gateway.call("GET", f"/v1/subscribers/{msisdn}", headers=self._headers)

    async def put(self, msisdn: str, body: bytes) -> GatewayAnswer:
        """Change a subscriber, or make one."""
        headers = {**self._headers, "Content-Type": "application/json"}
        return await self._gateway.call("PUT", f"/v1/subscribers/{msisdn}", body=body, headers=headers)
