"""IAM: roles, their inline policies and their attached managed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from local.deploy.drivers.aws import existing, gone_is_fine, pick, removed_tags, tag_list
from local.deploy.drivers.base import Driver, Made, changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.deploy.target import Target
    from local.deploy.wire import Properties


class Role(Driver):
    """An IAM role. Names are unique in an account: what a killed run created is found by it."""

    parameters: ClassVar[Mapping[str, str]] = {
        "name": "RoleName",
        "path": "Path",
        "description": "Description",
        "assumeRolePolicy": "AssumeRolePolicyDocument",
        "maxSessionDuration": "MaxSessionDuration",
        "permissionsBoundary": "PermissionsBoundary",
    }
    inputs = frozenset({*parameters, "forceDetachPolicies", "tags"})
    replace = frozenset({"name", "path"})

    @override
    def adopt(self, target: Target, inputs: Properties) -> Made | None:
        found = existing(target.aws("iam").get_role, RoleName=inputs["name"])
        return self._made(found["Role"]) if found else None

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        role = target.aws("iam").create_role(**pick(inputs, self.parameters), Tags=tag_list(inputs))
        return self._made(role["Role"])

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        iam = target.aws("iam")
        if changed(old, new, "assumeRolePolicy"):
            iam.update_assume_role_policy(RoleName=made.id, PolicyDocument=new["assumeRolePolicy"])
        if changed(old, new, "description", "maxSessionDuration"):
            iam.update_role(
                RoleName=made.id,
                Description=new.get("description", ""),
                MaxSessionDuration=new.get("maxSessionDuration", 3600),
            )
        if changed(old, new, "permissionsBoundary"):
            if new.get("permissionsBoundary"):
                boundary = new["permissionsBoundary"]
                iam.put_role_permissions_boundary(RoleName=made.id, PermissionsBoundary=boundary)
            elif old:
                iam.delete_role_permissions_boundary(RoleName=made.id)
        if changed(old, new, "tagsAll"):
            if gone := removed_tags(old, new):
                iam.untag_role(RoleName=made.id, TagKeys=gone)
            iam.tag_role(RoleName=made.id, Tags=tag_list(new))
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        iam = target.aws("iam")
        with gone_is_fine():
            if inputs.get("forceDetachPolicies"):
                attached = iam.list_attached_role_policies(RoleName=made.id)["AttachedPolicies"]
                for policy in attached:
                    iam.detach_role_policy(RoleName=made.id, PolicyArn=policy["PolicyArn"])
                for name in iam.list_role_policies(RoleName=made.id)["PolicyNames"]:
                    iam.delete_role_policy(RoleName=made.id, PolicyName=name)
            iam.delete_role(RoleName=made.id)

    def _made(self, role: dict[str, Any]) -> Made:
        return Made(
            id=role["RoleName"],
            outputs={
                "arn": role["Arn"],
                "uniqueId": role["RoleId"],
                "createDate": role["CreateDate"].isoformat(),
            },
        )


class RolePolicy(Driver):
    """An inline policy of a role. Putting it again is the same as putting it once."""

    inputs = frozenset({"name", "role", "policy"})
    replace = frozenset({"name", "role"})
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        target.aws("iam").put_role_policy(
            RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"]
        )
        return Made(id=f"{inputs['role']}:{inputs['name']}")

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        del old
        self.create(target, new)
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        del made
        with gone_is_fine():
            target.aws("iam").delete_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"])


class RolePolicyAttachment(Driver):
    """A managed policy on a role. Attaching it again is the same as attaching it once."""

    inputs = frozenset({"role", "policyArn"})
    replace = inputs
    repeatable = True

    @override
    def create(self, target: Target, inputs: Properties) -> Made:
        target.aws("iam").attach_role_policy(**self._which(inputs))
        return Made(id=f"{inputs['role']}/{inputs['policyArn']}")

    @override
    def update(self, target: Target, made: Made, old: Properties, new: Properties) -> Made:
        del target, old, new
        return made

    @override
    def delete(self, target: Target, made: Made, inputs: Properties) -> None:
        del made
        with gone_is_fine():
            target.aws("iam").detach_role_policy(**self._which(inputs))

    def _which(self, inputs: Properties) -> dict[str, str]:
        return {"RoleName": inputs["role"], "PolicyArn": inputs["policyArn"]}
