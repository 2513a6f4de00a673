"""Every secret that the product makes, as a table: who makes it, where it is, who can read it.

`places` are those of the local environment, and all of them: `tests/environment` searches for each
secret everywhere and wants to find it in each of its places, and nowhere else. `docs/secrets.md` is
this table for people. How the values of a run are found out is in `secret_values`.
"""

from __future__ import annotations

from tests.environment.secret_rows import Secret
from tests.environment.secrets_of_airflow import OF_AIRFLOW
from tests.environment.secrets_of_aws import OF_AUTHORITIES, OF_DATABASES, OF_IDENTITIES

INVENTORY: tuple[Secret, ...] = (*OF_DATABASES, *OF_IDENTITIES, *OF_AIRFLOW, *OF_AUTHORITIES)
ROWS = {secret.name: secret for secret in INVENTORY}
