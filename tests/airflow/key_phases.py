"""Runs in Airflow's Python: what each phase of a rotation signs, accepts and encrypts."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fetch_keys
import jwt
import reencrypt
from airflow.api_fastapi.auth.tokens import (
    JWTGenerator,
    JWTValidator,
    get_sig_validation_args,
    get_signing_args,
)
from airflow.configuration import conf
from airflow.models.base import Base
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, insert, select, update


def configured(value: str, folder: Path) -> None:
    """Have Airflow see what a pod sees that was started with this value."""
    folder.mkdir(exist_ok=True)
    for name, content in fetch_keys._files("jwt", fetch_keys._keys(value), folder).items():
        (folder / name).write_text(content)
    conf.remove_all_read_configurations()
    conf.read(folder / "airflow.cfg")


def tokens(values: list[str], folder: Path) -> dict[str, Any]:
    """Each phase's token, its header, and by which phases it is accepted.

    The last one is of a pod that has the first key as its `jwt_secret`, and no other setting.
    """
    made = []
    for number, value in enumerate(values):
        configured(value, folder / str(number))
        generator = JWTGenerator(
            valid_for=60, audience="a", **get_signing_args(make_secret_key_if_needed=False)
        )
        made.append(generator.generate({"sub": "somebody"}))
    conf.remove_all_read_configurations()
    # No private key can be one.
    secret = "another" if values[0].startswith("-----BEGIN") else values[0]
    former = JWTGenerator(valid_for=60, audience="a", secret_key=secret)
    made.append(former.generate({"sub": "somebody"}))
    accepted = []
    for number, value in enumerate(values):
        configured(value, folder / str(number))
        validator = JWTValidator(
            audience="a", **get_sig_validation_args(make_secret_key_if_needed=False)
        )
        accepted.append([accepts(validator, token) for token in made])
    return {"accepted": accepted, "headers": [jwt.get_unverified_header(one) for one in made]}


def accepts(validator: JWTValidator, token: str) -> bool:
    """Whether a validator takes a token."""
    try:
        return bool(validator.validated_claims(token)["sub"] == "somebody")
    except jwt.InvalidTokenError:
        return False


def encrypted(folder: Path) -> dict[str, Any]:
    """Re-encrypt a database in which somebody changes a row, and deletes one, at that moment."""
    old, new, lost = (Fernet.generate_key().decode() for _ in range(3))
    columns = reencrypt.encrypted_columns()
    engine = create_engine(f"sqlite:///{folder}/metadata.db")
    tables = {model.__table__ for model, _, _ in columns}
    for table in tables:
        table.create(engine)
    trigger, variable = (
        next(one for one in tables if one.name == name) for name in ("trigger", "variable")
    )
    with engine.begin() as session:
        for number in range(450):
            text = Fernet(old).encrypt(str(number).encode()).decode()
            row = {"id": number, "key": str(number), "val": text, "is_encrypted": number != 3}
            session.execute(insert(variable).values(**row))
        row = {
            "id": 1,
            "classpath": "x",
            "kwargs": text,
            "created_date": datetime.now(UTC),
        }
        session.execute(insert(trigger).values(**row))
    replace = reencrypt._replace
    changed: list[str] = []

    def meanwhile(*given: Any) -> None:  # noqa: ANN401  as the function's
        if not changed:
            changed.append(Fernet(new).encrypt(b"changed").decode())
            with engine.begin() as session:
                session.execute(
                    update(variable).where(variable.c.id == given[3]).values(val=changed[0])
                )
                session.execute(trigger.delete())
        replace(*given)

    setattr(reencrypt, "_replace", meanwhile)  # noqa: B010  it is a function of the module
    count = reencrypt.reencrypt(engine, [new, old], columns)
    with engine.begin() as session:
        rows = session.execute(select(variable.c.id, variable.c.val)).all()
        good = {key: Fernet(new).decrypt(val).decode() for key, val in rows if key != 3}
        session.execute(
            update(variable)
            .where(variable.c.id == 7)
            .values(val=Fernet(lost).encrypt(b"x").decode())
        )
    try:
        reencrypt.reencrypt(engine, [new, old], columns)
    except reencrypt.ReencryptError as error:
        return {"count": count, "values": good, "error": str(error)}
    return {}


def main() -> None:
    """Do what the first line of the input asks for."""
    given = json.loads(sys.stdin.read())
    folder = Path(given["folder"])
    if "values" in given:
        answer = tokens(given["values"], folder)
    else:
        answer = encrypted(folder)
        mapped = {one.class_ for one in Base.registry.mappers}
        answer["rotated"] = sorted(
            model.__name__ for model in mapped if hasattr(model, "rotate_fernet_key")
        )
        answer["known"] = sorted({model.__name__ for model, _, _ in reencrypt.encrypted_columns()})
    print(json.dumps(answer))


main()
