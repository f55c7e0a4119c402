"""The shops' signatures: what a gateway must be able to check with nothing but the secret."""

from simulator.shops import signature


def test_the_signature_is_hmac_sha256_over_time_dot_body() -> None:
    # Computed with: printf '1741000000.{"event":"rejected"}' | openssl dgst -sha256 -hmac demo-secret-ozon
    assert signature("demo-secret-ozon", b'{"event":"rejected"}', at=1741000000) == (
        "t=1741000000,v1=2406f1a09171001d8e05f0a0e28adfaac5d3c44b6fcc515ee92363d500bf8c23"
    )
