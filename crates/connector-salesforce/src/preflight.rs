//! What must hold before a connection is used, each with evidence and remedy.

use rightful_core::{Error, ErrorKind, Finding, Purpose, Verdict};

use crate::api::Sight;
use crate::objects::{Object, USER};
use crate::read::Reader;
use crate::soql::{Name, Query, Select};

/// Versions that are this far behind the newest may be retired within a year: each lives three years, and three come out a year
/// [<https://developer.salesforce.com/docs/atlas.en-us.248.0.uiapi.meta/uiapi/api_ui_eol.htm>].
const OLD: u32 = 6;

/// Every check for a purpose; reads only.
pub async fn findings(reader: &Reader, version: &str, share: u64, purpose: &Purpose) -> Vec<Finding> {
    let (kinds, written) = match purpose {
        Purpose::Read(kinds) => (kinds, None),
        Purpose::Write(kinds) => (kinds, kinds.first()),
    };
    let limits = match reader.api.limits().await {
        Err(error) if error.kind() == ErrorKind::Unauthenticated => return vec![failure("sign-in", &error)],
        // A sign-in that cannot be made for another reason ends it too: every further call would meet the same.
        Err(error) if error.failed_operation() == Some("token") => return vec![failure("sign-in", &error)],
        other => other,
    };
    let mut findings = vec![signed_in(reader).await];
    match limits {
        Ok(limits) => {
            findings.push(Finding::pass("api-enabled", "the REST API answers"));
            findings.push(quota(limits.daily_api_requests.map(|daily| (daily.remaining, daily.max)), share));
        }
        Err(error) => {
            let closed = error.kind() == ErrorKind::Forbidden;
            findings.push(failure("api-enabled", &error));
            if closed {
                return findings;
            }
        }
    }
    findings.push(version_finding(reader, version).await);
    findings.push(view_all_users(reader).await);
    for kind in kinds {
        match reader.object(kind) {
            Ok(object) => findings.extend(access(reader, object, written == Some(kind)).await),
            Err(error) => findings.push(failure(format!("read-{kind}"), &error)),
        }
    }
    findings
}

async fn signed_in(reader: &Reader) -> Finding {
    match reader.api.user_info().await {
        Ok(info) => {
            let name = info.preferred_username.or(info.user_id).unwrap_or_else(|| "a user that is not shown".to_owned());
            let organisation = info.organization_id.map(|id| format!(" of organisation {id}")).unwrap_or_default();
            Finding::pass("sign-in", format!("signed in as {name}{organisation}"))
        }
        // The sign-in held: another call was answered with it.
        Err(_) => Finding::pass("sign-in", "signed in; who we are is not shown to this app"),
    }
}

fn quota(daily: Option<(u64, u64)>, share: u64) -> Finding {
    let check = "api-quota";
    let Some((remaining, most)) = daily else {
        return Finding::of(Verdict::CannotTell, check, "the daily budget is not shown", "look at System Overview in Setup");
    };
    let evidence = format!("{remaining} of {most} calls are left for 24 hours");
    let kept = most.saturating_mul(100_u64.saturating_sub(share)) / 100;
    if remaining <= kept {
        let remedy = format!("wait, buy more calls, or raise `daily_share` above {share} %: {kept} calls are kept for others");
        return Finding::of(Verdict::NotYet, check, evidence, remedy);
    }
    Finding::pass(check, evidence)
}

async fn version_finding(reader: &Reader, version: &str) -> Finding {
    match reader.api.versions().await {
        Ok(versions) => judge_version(version, versions.iter().filter_map(|known| number(&known.version)).collect()),
        Err(error) => failure("api-version", &error),
    }
}

fn number(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

fn judge_version(version: &str, known: Vec<u32>) -> Finding {
    let check = "api-version";
    let (Some(ours), Some(newest)) = (number(version), known.iter().max()) else {
        return Finding::of(Verdict::CannotTell, check, "the versions of the API are not shown", "look at the release notes");
    };
    if !known.contains(&ours) {
        return Finding::of(
            Verdict::Fail,
            check,
            format!("there is no version {version}"),
            format!("set `api_version` to \"{newest}.0\" or lower"),
        );
    }
    if newest.saturating_sub(ours) >= OLD {
        let evidence = format!("version {version} is {} releases old; the newest is {newest}.0", newest - ours);
        return Finding::of(Verdict::Advice, check, evidence, "raise `api_version` before Salesforce retires it");
    }
    Finding::pass(check, format!("version {version}; the newest is {newest}.0"))
}

/// Whose users do we see? Who sees only themself would call everybody else gone.
async fn view_all_users(reader: &Reader) -> Finding {
    let check = "view-all-users";
    let remedy = "give the user the permission View All Users";
    let seen = match reader.object(&USER) {
        Ok(users) => reader.whole(users).await,
        Err(error) => Err(error),
    };
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => return failure(check, &error),
    };
    // The name of this object's field is unconfirmed; where it is not there, the number of users is the evidence.
    let (object, field) = (Name::known("UserPermissionAccess"), Name::known("PermissionsViewAllUsers"));
    let query = Query::new(Select::Fields(vec![field.clone()]), object);
    let permission = reader.api.one("permissions", Sight::Present, &query, field.as_str()).await;
    judge_users(seen, permission.ok().flatten().as_deref(), remedy)
}

fn judge_users(seen: u64, permission: Option<&str>, remedy: &str) -> Finding {
    let check = "view-all-users";
    let evidence = format!("{seen} users of type Standard are seen");
    match permission {
        _ if seen <= 1 => Finding::of(Verdict::Fail, check, evidence, remedy),
        Some("true") => Finding::pass(check, evidence),
        Some("false") => Finding::of(Verdict::Fail, check, format!("{evidence}; the permission is missing"), remedy),
        _ => Finding::of(Verdict::CannotTell, check, format!("{evidence}; whether these are all is not shown"), remedy),
    }
}

/// Object and field access.
async fn access(reader: &Reader, object: &Object, written: bool) -> Vec<Finding> {
    let read = format!("read-{}", object.kind);
    let described = match reader.api.describe(&object.name).await {
        Ok(described) => described,
        Err(error) => return vec![failure(read, &error)],
    };
    let mut findings = Vec::new();
    let missing: Vec<&str> = object
        .keys
        .iter()
        .filter(|key| !key.optional)
        .map(|key| key.field.as_str())
        .chain(object.owned.then_some("OwnerId"))
        .filter(|field| !described.fields.iter().any(|known| known.name == *field))
        .collect();
    findings.push(match reader.whole(object).await {
        _ if !missing.is_empty() => Finding::of(
            Verdict::Fail,
            read,
            format!("`{}` does not show us: {}", object.name, missing.join(", ")),
            "check the names, and give the user read access to these fields by field-level security",
        ),
        Ok(rows) => Finding::pass(read, format!("{rows} rows")),
        Err(error) => failure(read, &error),
    });
    if written {
        let check = format!("write-{}", object.kind);
        let owner = described.fields.iter().find(|field| field.name == "OwnerId");
        findings.push(if described.updateable && owner.is_some_and(|field| field.updateable) {
            Finding::pass(check, "the owner may be changed; records that are not shared with the user may still refuse")
        } else {
            Finding::of(
                Verdict::Fail,
                check,
                format!("the owner of `{}` may not be changed by this user", object.name),
                "give the user edit access to the object and the permission Transfer Record",
            )
        });
    }
    findings
}

fn failure(check: impl Into<String>, error: &Error) -> Finding {
    let mut evidence = error.to_string();
    if let Some(words) = error.vendor_words() {
        evidence = format!("{evidence}; Salesforce says: {words}");
    }
    let verdict = if error.kind().is_retryable() { Verdict::NotYet } else { Verdict::Fail };
    Finding::of(verdict, check, evidence, error.mend().unwrap_or("try again later"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sf_2_a_version_is_there_and_not_too_old() {
        let known: Vec<u32> = (31..=67).collect();
        for (version, wanted) in
            [("67.0", Verdict::Pass), ("62.0", Verdict::Pass), ("61.0", Verdict::Advice), ("30.0", Verdict::Fail), ("99.0", Verdict::Fail)]
        {
            assert_eq!(judge_version(version, known.clone()).verdict, wanted, "{version}");
        }
        assert_eq!(judge_version("62.0", Vec::new()).verdict, Verdict::CannotTell);
    }

    #[test]
    fn sf_7_calls_kept_for_others_count_as_used() {
        for (daily, wanted) in [
            (Some((4000, 5000)), Verdict::Pass),
            (Some((1001, 5000)), Verdict::Pass),
            (Some((1000, 5000)), Verdict::NotYet),
            (Some((0, 5000)), Verdict::NotYet),
            (None, Verdict::CannotTell),
        ] {
            assert_eq!(quota(daily, 80).verdict, wanted, "{daily:?}");
        }
    }

    #[test]
    fn ss_21_who_sees_only_themself_is_told() {
        for (seen, permission, wanted) in [
            (1, Some("true"), Verdict::Fail),
            (0, None, Verdict::Fail),
            (30, Some("true"), Verdict::Pass),
            (30, Some("false"), Verdict::Fail),
            (30, None, Verdict::CannotTell),
        ] {
            assert_eq!(judge_users(seen, permission, "x").verdict, wanted, "{seen} {permission:?}");
        }
    }
}
