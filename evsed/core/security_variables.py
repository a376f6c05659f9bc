"""The variables of the connection's security, a part of `catalogue.py`."""

from __future__ import annotations

from evsed.core.credentials import MOST_CHAIN
from evsed.core.variables import BOOL, INT, TEXT, Kind, Variable

LONGEST_NAME = 64  # characters of an organization in a certificate (RFC 5280 A.1)

SECURITY_PROFILE = Variable(
    component="SecurityCtrlr",
    name="SecurityProfile",
    key16="SecurityProfile",
    kind=INT,
    default=0,
    low=0,
    high=3,
    where="central.security_profile",
    help="How the connection is secured: 1 = key, 2 = TLS and key, 3 = TLS and certificate. It only rises.",
)
AUTHORIZATION_KEY = Variable(
    component="SecurityCtrlr",
    name="BasicAuthPassword",
    key16="AuthorizationKey",
    kind=TEXT,
    default="",
    secret=True,
    where="central.password or central.password_file",
    help="The key of security profiles 1 and 2, 16 to 20 bytes in hexadecimal digits; it can't be read.",
)


def _organization(text: str) -> str | None:
    return text if len(text) <= LONGEST_NAME and text.isprintable() and text == text.strip() else None


CPO_NAME = Variable(
    component="SecurityCtrlr",
    name="OrganizationName",
    key16="CpoName",
    kind=Kind(f"up to {LONGEST_NAME} printable characters", _organization, lambda text: text),
    default="",
    help="The operator's name, as it stands in the station's certificate; without it none is asked for.",
)
ADDITIONAL_ROOT_CHECK = Variable(
    component="SecurityCtrlr",
    name="AdditionalRootCertificateCheck",
    key16="AdditionalRootCertificateCheck",
    kind=BOOL,
    default=False,
    writable=False,
    installers=True,
    help="Only one root certificate of the central system, and the next one must be signed by it.",
)
STORE_LENGTH = Variable(
    component="SecurityCtrlr",
    name="CertificateEntries",
    key16="CertificateStoreMaxLength",
    kind=INT,
    default=40,
    writable=False,
    help="How many root certificates there may be.",
)
CHAIN_SIZE = Variable(
    component="SecurityCtrlr",
    name="MaxCertificateChainSize",
    key16="CertificateSignedMaxChainSize",
    kind=INT,
    default=MOST_CHAIN,
    writable=False,
    help="How many characters a certificate of the station may have, with those above it.",
)
SIGNING_WAIT = Variable(
    component="SecurityCtrlr",
    name="CertSigningWaitMinimum",
    key16="CertSigningWaitMinimum",
    kind=INT,
    unit="s",
    default=3_600,
    low=10,
    high=604_800,
    help="How long a certificate is waited for before it is asked for again; each time twice as long.",
)
SIGNING_REPEATS = Variable(
    component="SecurityCtrlr",
    name="CertSigningRepeatTimes",
    key16="CertSigningRepeatTimes",
    kind=INT,
    default=2,
    low=0,
    high=10,
    help="How often a certificate that does not come is asked for again.",
)
