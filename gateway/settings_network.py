"""The simulator's sections of the one configuration file, as the gateway checks and documents them.

The simulator reads them itself (`simulator.settings`); a test keeps both in step.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class SimulatorSection(BaseModel):
    """The operator simulator: where it listens, whom it speaks to, and the timers of its network."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    host: str = Field(default="127.0.0.1", description="Address the simulator listens on.")
    sim_port: int = Field(default=8081, ge=0, le=65535, description="Port of its web phone and HTTP contract.")
    smpp_port: int = Field(default=2775, ge=0, le=65535, description="Port of its SMSC.")
    allowed_hosts: tuple[str, ...] = Field(default=(), description="Host headers it answers besides loopback.")
    gateway_url: str = Field(
        default="http://127.0.0.1:8080",
        pattern=r"^https?://[^/]+/?$",
        description="The gateway its shops and clock talk to.",
    )
    gateway_key: str = Field(default="demo-key", repr=False, description="The key it shows to the gateway.")
    bind_errors: Literal["specific", "uniform"] = Field(
        default="specific", description="Whether a refused bind says what was wrong."
    )
    service_number: str = Field(
        default="4400", pattern=r"^[0-9]{1,15}$", description="The programme's number on handsets."
    )
    zone: str = Field(default="Europe/Moscow", description="Zone of the times it shows.")
    shop_secrets: dict[str, str] = Field(
        default_factory=dict, repr=False, description="Postback secrets by partner; demo-secret-CODE where absent."
    )
    bind_deadline_s: float = Field(
        default=5.0, gt=0, le=600, description="A connection without bind is closed after this."
    )
    inactivity_s: float = Field(
        default=0.0, ge=0, le=86_400, description="A silent session is unbound after this; 0: never."
    )
    enquire_link_s: float = Field(default=30.0, gt=0, le=3_600, description="Between its enquire_links.")
    response_timeout_s: float = Field(default=10.0, gt=0, le=600, description="How long it waits for a response.")
    partial_pdu_s: float = Field(default=10.0, gt=0, le=600, description="How long a PDU may take to come whole.")
    write_stall_s: float = Field(default=30.0, gt=0, le=600, description="How long a session may take nothing.")
    ussd_answer_s: float = Field(default=15.0, gt=0, le=600, description="How long a dial waits for the application.")
    ussd_customer_s: float = Field(default=60.0, gt=0, le=600, description="How long a menu waits for the customer.")
    ussd_session_s: float = Field(default=180.0, gt=0, le=3_600, description="The longest USSD session.")
    delivery_retry_s: float = Field(default=1.0, gt=0, le=3_600, description="Before a deliver_sm is sent again.")
    delivery_ttl_s: float = Field(
        default=3_600.0, gt=0, le=864_000, description="After this an undelivered one is dropped."
    )
    messages_max: int = Field(default=200_000, ge=100, le=5_000_000, description="Messages it remembers.")
    pdus_max: int = Field(default=20_000, ge=100, le=1_000_000, description="PDUs it remembers.")
    message_id_width: int = Field(
        default=14, ge=0, le=64, description="Digits of its message ids; 0 without padding."
    )
    persona: str = Field(
        default="modern", pattern=r"^[a-z0-9_]{1,40}$", description="The SMSC it is: see GET /sim/personas."
    )


class Account(BaseModel):
    """One ESME that may bind to the simulator."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    system_id: str = Field(min_length=1, max_length=15, description="Who binds.", examples=["gateway"])
    password: str = Field(max_length=8, repr=False, description="Its password.", examples=["secret1"])
    roles: tuple[Literal["sms", "ussd"], ...] = Field(default=("sms", "ussd"), description="What it gets.")
    window: int = Field(default=1000, ge=1, le=100_000, description="Unanswered submit_sm it may have.")
    rate_per_s: int = Field(default=0, ge=0, description="Messages a second it may send; 0 without limit.")
    source: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = Field(
        default=(), description="Addresses it may send from; empty: any."
    )
    profile: Literal["generic", "tata", "sixdee", "mica", "php_smpp"] = Field(
        default="generic", description="Its USSD dialect."
    )
    sessions_max: int = Field(default=32, ge=1, le=10_000, description="Sessions it may have at once.")


DEFAULT_ACCOUNTS = (
    Account(system_id="gateway", password="secret1"),  # noqa: S106 - the published account of the simulator
    Account(system_id="demo", password="demo"),  # noqa: S106 - the published account for anyone's own ESME
)
