"""Every configuration key with its default, its bounds and its sentence; unknown keys are refused.

What the keys mean is interface.md's; reading files and variables and the wording of findings are
`gateway.settings_file`'s.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from billing.programme import MOSCOW, Programme
from billing.sealing import KEY_LENGTH_MIN
from billing.words import ChargeType, Rounding
from gateway.http.auth import KeyRecord, Principal, Scope
from gateway.settings_fields import (
    Cap,
    CertificateFile,
    HexNumber,
    Hour,
    InstantOrNone,
    Port,
    Seconds,
    ShiftTableNames,
    SpendTypes,
    Sum,
    Url,
    Zone,
)
from gateway.settings_network import DEFAULT_ACCOUNTS, Account, SimulatorSection
from sms.outbox.quiet import QuietHours
from sms.outbox.retry import ClassPolicy, StatusClass
from sms.smpp.config import BindKind, LinkConfig, TlvPolicy
from sms.smpp.constants import VERSION_34, VERSION_50
from sms.text import (
    Carriage,
    Coding,
    DefaultAlphabet,
    Language,
    LongMessages,
    UnicodeMode,
    coding_of,
)
from ussd.menu import CODES, Action

LIST_SECTIONS = ("links", "keys", "accounts")
"""Sections that are lists of tables."""

SENDER_LENGTH_MAX = 11
SENDER_RULE = "must be at most 11 characters of the GSM alphabet"

Word = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
Address = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.:_-]{1,255}$")]


class Section(BaseModel):
    """Root of sections."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, validate_default=True)


class ProgrammeSection(Section):
    """The programme's rules and switches (domain.md)."""

    zone: Zone = Field(default=MOSCOW, description="Zone in which days and months are decided.")
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(
        default="RUB", description="Currency of every sum, ISO 4217."
    )
    main_balance: Literal["internal", "external"] = Field(
        default="internal", description="Who owns the main account: this ledger, or the operator's charging system."
    )
    main_balance_url: Url = Field(
        default="", description='External: `*100#` asks GET URL?msisdn=NUMBER, answered {"main":"123.45"}.'
    )
    welcome_bonus: Sum = Field(default="50.00", description="Bonus for joining, once per subscription for life.")  # type: ignore[assignment]
    rounding: Rounding = Field(default=Rounding.ARITHMETIC_MIN1, description="How a reward becomes whole roubles.")
    confirm_days_max: int = Field(default=90, ge=1, le=3650, description="Days a shop has to confirm an order.")
    returns_after_credit: Literal["claw", "keep"] = Field(
        default="claw", description="Whether a return takes back a reward that was credited."
    )
    leave_credited: Literal["keep", "lapse"] = Field(
        default="keep", description="What becomes of credited cashback when a member leaves."
    )
    held_release: Literal["next_first", "at_once"] = Field(
        default="next_first", description="When a bonus held by an investigation is credited after unblocking."
    )
    offnet_registration: bool = Field(default=True, description="Whether other operators' numbers may join.")
    rate_at: Literal["click", "payment"] = Field(
        default="click", description="Whose terms count: the click's or the payment's."
    )
    click_valid_minutes: int = Field(
        default=1440, ge=1, le=525_600, description="How long a click-out is good for orders."
    )
    credit_on_demand: bool = Field(default=True, description="Whether members may have the bonus credited at once.")
    part_payment: bool = Field(default=True, description="Whether a charge may be paid in part.")
    spend_types: SpendTypes = Field(
        default=frozenset(ChargeType), description='Charge types that cashback may pay: "all" or a list.'
    )
    monthly_spend_cap: Cap = Field(default=None, description='Most cashback spent in a month: "off" or an amount.')
    voucher_days: int = Field(default=180, ge=1, le=3650, description="Days a handset voucher is good for.")
    terms_version: Word = Field(
        default="1", description="Version of the terms that USSD and callers who name none accept."
    )


class ClockSection(Section):
    """The business clock."""

    kind: Literal["system", "manual"] = Field(
        default="system", description="Follow the wall clock, or stand until moved."
    )
    start: InstantOrNone = Field(
        default=None, description="Manual: where it stands at first; later than the stored instant moves it forward."
    )


class DatabaseSection(Section):
    """The database."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(
        description="SQLAlchemy URL of the database.", examples=["sqlite:////var/lib/firstcharge/firstcharge.sqlite3"]
    )


class LedgerSection(Section):
    """The journal's seals."""

    seal_key: Annotated[SecretStr, Field(min_length=KEY_LENGTH_MIN, max_length=512)] | None = Field(
        default=None,
        description="Key that seals the journal, 32 or more random characters, better in a file named by"
        " seal_key_file; without one an SQLite database keeps its own beside it (DATABASE.seal-key).",
    )


class HttpSection(Section):
    """The HTTP door."""

    host: Address = Field(default="127.0.0.1", description="Address to listen on.")
    port: Port = Field(default=8080, description="Port to listen on.")
    connections_max: int = Field(default=4096, ge=1, le=100_000, description="Connections at once.")
    connections_per_address_max: int = Field(
        default=1024, ge=1, le=100_000, description="Connections at once from one address."
    )
    calls_per_key_per_s: float = Field(
        default=0.0, ge=0, le=1_000_000, description="Calls a second of one key; 0 without limit."
    )
    calls_per_number_per_s: float = Field(
        default=0.0, ge=0, le=1_000_000, description="Calls a second about one number; 0 without limit."
    )


class PolicySection(Section):
    """How far one class of messages goes."""

    attempts_max: int = Field(default=24, ge=1, le=1000, description="Attempts after which a message is dead.")
    backoff_first_s: Seconds = Field(default=5.0, description="Wait before the second attempt, doubled from then on.")
    backoff_max_s: Seconds = Field(default=1800.0, description="Longest wait between attempts.")
    resends_max: int = Field(default=1, ge=0, le=10, description="Copies sent after an unknown outcome.")


class Policies(Section):
    """Policies per class of messages."""

    service: PolicySection = Field(default=PolicySection(), description="Messages of the programme.")
    advert: PolicySection = Field(default=PolicySection(attempts_max=5, resends_max=0), description="Adverts.")


class SmsSection(Section):
    """SMS to subscribers."""

    sender: Annotated[str, StringConstraints(min_length=1)] = Field(
        default="CASHBACK", description="Sender name on phones."
    )
    sender_space: bool = Field(default=False, description="Whether the sender name may have a space.")
    service_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}$")] = Field(
        default="4400", description="The number that takes keywords."
    )
    quiet_from: Hour = Field(default="21:00", description="Quiet hours begin, on the subscriber's clock.")  # type: ignore[assignment]
    quiet_to: Hour = Field(default="09:00", description="Quiet hours end.")  # type: ignore[assignment]
    unknown_grace_s: Seconds = Field(
        default=120.0, description="Wait after an unknown outcome before a copy is sent."
    )
    unicode: UnicodeMode = Field(
        default=UnicodeMode.CHEAPEST, description="How letters may be rewritten to save segments."
    )
    segments_max: int = Field(
        default=10, ge=1, le=255, description="Segments of one text; a longer one is a dead letter, TEXT_TOO_LONG."
    )
    receipt_wait_s: float = Field(
        default=259_200.0, ge=60, le=10_000_000, description="Without a receipt for so long, the SMSC is asked."
    )
    keep_days: int = Field(
        default=400, ge=0, le=36_500, description="Finished messages are forgotten after so many days; 0 never."
    )
    policies: Policies = Field(default=Policies(), description="Policies per class.")

    @model_validator(mode="after")
    def _names(self) -> Self:
        if len(self.sender) > SENDER_LENGTH_MAX or coding_of(self.sender) is not Coding.GSM7:
            raise ValueError(f"sender = {self.sender!r}  {SENDER_RULE}")
        if " " in self.sender and not self.sender_space:
            raise ValueError(f"sender = {self.sender!r}  must have no space unless sender_space = true")
        return self


class UssdSection(Section):
    """USSD."""

    codes: dict[str, Action] = Field(default=dict(CODES), description="What each code asks for.")
    soft_deadline_ms: int = Field(
        default=800, ge=50, le=10_000, description="After this the last known balance is shown."
    )
    hard_deadline_ms: int = Field(
        default=1900, ge=100, le=10_000, description="After this the session ends with a text."
    )
    sessions_max: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Sessions at once; more are told to try later."
    )

    @model_validator(mode="after")
    def _deadlines(self) -> Self:
        if self.hard_deadline_ms <= self.soft_deadline_ms:
            raise ValueError(f"hard_deadline_ms = {self.hard_deadline_ms}  must be above soft_deadline_ms")
        return self


class LinkSection(Section):
    """One SMPP link to an SMSC."""

    name: Word = Field(description="Its name in logs and metrics.", examples=["smsc-1"])
    roles: tuple[Literal["sms", "ussd"], ...] = Field(
        default=("sms", "ussd"), min_length=1, description="What it carries."
    )
    host: Address = Field(description="The SMSC's address.", examples=["127.0.0.1"])
    port: Port = Field(default=2775, description="The SMSC's port.")
    system_id: Annotated[str, StringConstraints(min_length=1, max_length=15)] = Field(
        description="Who we are to the SMSC.", examples=["gateway"]
    )
    password: Annotated[SecretStr, Field(max_length=8)] = Field(
        description="Our password; better in a file named by password_file.", examples=["secret1"]
    )
    bind: BindKind = Field(default=BindKind.TRANSCEIVER, description="How it binds.")
    system_type: Annotated[str, StringConstraints(max_length=12)] = Field(
        default="", description="system_type of the bind."
    )
    profile: Literal["generic", "tata", "sixdee", "mica", "php_smpp"] = Field(
        default="generic", description="USSD dialect of the network."
    )
    window: int = Field(default=10, ge=1, le=255, description="Unanswered requests at once.")
    rate_per_s: float = Field(
        default=0.0, ge=0, le=100_000, description="Contracted messages a second; 0 without limit."
    )
    enquire_link_s: Seconds = Field(default=30.0, description="Between enquire_links.")
    response_timeout_s: Seconds = Field(default=10.0, description="How long a response may take.")
    interface_version: HexNumber = Field(
        default=VERSION_34, ge=VERSION_34, le=VERSION_50, description="0x34 for SMPP 3.4, 0x50 for 5.0."
    )
    tlv: TlvPolicy = Field(default=TlvPolicy.AUTO, description="Whether optional parameters are sent.")
    status_classes: dict[HexNumber, StatusClass] = Field(
        default_factory=dict, description="What the SMSC's own statuses mean, by number."
    )
    tls: bool = Field(default=False, description="Whether the connection is encrypted.")
    tls_ca: CertificateFile = Field(
        default="", description="PEM file of who signed the SMSC's certificate; empty: whom this computer trusts."
    )
    weight: int = Field(default=1, ge=1, le=1000, description="Its share of the traffic among links of one role.")
    query: bool = Field(default=True, description="Whether it is asked (query_sm) where receipts stay away.")
    alphabet: DefaultAlphabet = Field(
        default=DefaultAlphabet.GSM7, description="What data_coding 0 means at the SMSC; smpp probe finds out."
    )
    shift_tables: ShiftTableNames = Field(
        default=(), description="National language tables that its texts may use to save segments, by language."
    )
    long_messages: LongMessages = Field(
        default=LongMessages.UDH8, description="How segments say what they are part of; payload: the SMSC cuts."
    )

    @model_validator(mode="after")
    def _texts(self) -> Self:
        if self.long_messages in (LongMessages.SAR, LongMessages.PAYLOAD) and self.tlv is not TlvPolicy.ALWAYS:
            raise ValueError(f"long_messages = {self.long_messages}  needs tlv = always: it is an optional parameter")
        if self.shift_tables and self.alphabet is not DefaultAlphabet.GSM7:
            raise ValueError("shift_tables  stand in for the GSM alphabet and need alphabet = gsm7")
        return self

    @property
    def carriage(self) -> Carriage:
        """How its texts are cut."""
        return Carriage(
            alphabet=self.alphabet,
            shift_tables=tuple(Language[name.upper()] for name in dict.fromkeys(self.shift_tables)),
            long_messages=self.long_messages,
        )

    @model_validator(mode="after")
    def _versions(self) -> Self:
        if self.interface_version not in {VERSION_34, VERSION_50}:
            raise ValueError(f"interface_version = {self.interface_version:#x}  must be 0x34 or 0x50")
        return self

    def config(self) -> LinkConfig:
        """The link as `sms.smpp` takes it."""
        return LinkConfig(
            name=self.name,
            host=self.host,
            port=self.port,
            system_id=self.system_id,
            password=self.password.get_secret_value(),
            bind=self.bind,
            system_type=self.system_type,
            window=self.window,
            enquire_link_s=self.enquire_link_s,
            response_timeout_s=self.response_timeout_s,
            interface_version=self.interface_version,
            tlv=self.tlv,
        )


class KeySection(Section):
    """One API key. Only the hash of the key stands here."""

    name: Word = Field(description="Whose key it is.", examples=["billing"])
    hash: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] = Field(
        description="SHA-256 of the key as sha256:HEX; the key itself is 32 or more random characters.",
        examples=["sha256:057ba03d6c44104863dc7361fe4578965d1887360f90a0895882e58a6248fc86"],
    )
    scopes: tuple[Scope, ...] = Field(min_length=1, description="What it may do.", examples=[["billing"]])
    partner: Word | None = Field(default=None, description="A partner's key sees only that partner's orders.")

    def record(self) -> KeyRecord:
        """The key as the HTTP door knows it."""
        principal = Principal(name=self.name, scopes=frozenset(self.scopes), partner=self.partner)
        return KeyRecord(hash=self.hash, principal=principal)


class Settings(Section):
    """The whole configuration. `demo` allows sample secrets; `firstcharge demo` sets it."""

    demo: bool = Field(default=False, description="Allow sample secrets; firstcharge demo sets it.")
    programme: ProgrammeSection = Field(default=ProgrammeSection(), description="Rules and switches.")
    clock: ClockSection = Field(default=ClockSection(), description="The business clock.")
    database: DatabaseSection = Field(description="The database.")
    ledger: LedgerSection = Field(default=LedgerSection(), description="The journal's seals.")
    http: HttpSection = Field(default=HttpSection(), description="The HTTP door.")
    sms: SmsSection = Field(default=SmsSection(), description="SMS to subscribers.")
    ussd: UssdSection = Field(default=UssdSection(), description="USSD.")
    links: tuple[LinkSection, ...] = Field(min_length=1, description="SMPP links, at least one.")
    keys: tuple[KeySection, ...] = Field(min_length=1, description="API keys, at least one.")
    simulator: SimulatorSection = Field(default=SimulatorSection(), description="The operator simulator.")
    accounts: tuple[Account, ...] = Field(default=DEFAULT_ACCOUNTS, description="Who may bind to the simulator.")


def to_programme(settings: Settings) -> Programme:
    """The rules as the ledger takes them."""
    section = settings.programme
    return Programme(
        zone=section.zone,
        main_balance=section.main_balance,
        welcome_bonus=section.welcome_bonus,
        rounding=section.rounding,
        confirm_days_max=section.confirm_days_max,
        returns_after_credit=section.returns_after_credit,
        leave_credited=section.leave_credited,
        held_release=section.held_release,
        offnet_registration=section.offnet_registration,
        rate_at=section.rate_at,
        click_valid=timedelta(minutes=section.click_valid_minutes),
        credit_on_demand=section.credit_on_demand,
        part_payment=section.part_payment,
        spend_types=section.spend_types,
        monthly_spend_cap=section.monthly_spend_cap,
        voucher_days=section.voucher_days,
    )


def to_quiet_hours(settings: Settings) -> QuietHours:
    """Quiet hours as the outbox takes them."""
    return QuietHours(start=settings.sms.quiet_from, end=settings.sms.quiet_to)


def to_policy(settings: Settings, section: PolicySection) -> ClassPolicy:
    """A message class's policy as the outbox takes it."""
    return ClassPolicy(
        attempts_max=section.attempts_max,
        backoff_first_s=section.backoff_first_s,
        backoff_max_s=section.backoff_max_s,
        unknown_grace_s=settings.sms.unknown_grace_s,
        resends_max=section.resends_max,
    )
