//! Members, sessions, one-time links and tokens.

use rightful_core::{ErrorKind, Secret};

use super::*;

fn edit(name: &str, role: AccessRole) -> MemberEdit {
    MemberEdit { name: name.into(), display_name: name.to_uppercase(), access: Access::everywhere(role), active: true }
}

async fn added(store: &SqliteStore, name: &str, role: AccessRole) -> MemberId {
    match store.add_member(&edit(name, role), Some(Secret::new("$argon2id$")), false, &act("member.add", name)).await.unwrap() {
        Kept::Done(id) => id,
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn the_first_member_comes_once_and_names_differ_by_more_than_case() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let add = |name: &'static str, first| async move {
        store.add_member(&edit(name, AccessRole::Admin), None, first, &act("member.add", name)).await.unwrap()
    };
    assert_eq!(add("Ann", true).await, Kept::Done(MemberId(1)));
    assert_eq!(add("ben", true).await, Kept::Moved, "somebody is there already");
    for same in ["Ann", "ANN", " ann ", "\u{ff21}nn"] {
        assert_eq!(add(same, false).await, Kept::Taken, "{same:?}");
    }
    assert_eq!(add("Ren\u{e9}e", false).await, Kept::Done(MemberId(2)));
    assert_eq!(add("RENE\u{301}E", false).await, Kept::Taken, "the same letters, composed otherwise");
    let names: Vec<String> = store.members().await.unwrap().into_iter().map(|member| member.name).collect();
    assert_eq!(names, ["Ann", "Ren\u{e9}e"]);
    for spelled in ["ann", "aNN"] {
        assert_eq!(store.member_named(spelled).await.unwrap().map(|found| found.member.id), Some(MemberId(1)));
    }
    assert_eq!((store.member_named("nobody").await.unwrap(), store.member(MemberId(9)).await.unwrap()), (None, None));
    assert_eq!(log(store).await, ["ann member.add Ann null", "ann member.add Ren\u{e9}e null"], "what was not done has no line");
}

#[tokio::test]
async fn a_member_is_changed_under_its_revision() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let id = added(store, "ann", AccessRole::Admin).await;
    added(store, "ben", AccessRole::Admin).await;
    let access = Access { role: AccessRole::AccountManager, scope: Some(["rep-codes".to_owned()].into()) };
    let wanted = MemberEdit { name: "anna".into(), display_name: "Anna".into(), access: access.clone(), active: false };
    let change = |id, revision, name: &str| {
        let wanted = MemberEdit { name: name.into(), ..wanted.clone() };
        async move { store.change_member(id, revision, &wanted, &act("member.change", "ann")).await.unwrap() }
    };
    assert_eq!(change(id, 2, "anna").await, Kept::Moved);
    assert_eq!(change(MemberId(9), 1, "anna").await, Kept::Moved);
    assert_eq!(change(id, 1, "Ben").await, Kept::Taken);
    assert_eq!(change(id, 1, "ANN").await, Kept::Done(()), "their own name, spelled otherwise");
    assert_eq!(change(id, 2, "anna").await, Kept::Done(()));
    let Credential { member, password } = store.member(id).await.unwrap().unwrap();
    let now = Member { id, name: "anna".into(), display_name: "Anna".into(), access, active: false, created: minute(0), revision: 3 };
    assert_eq!((member, password), (now, Some(Secret::new("$argon2id$"))));
    store.set_password(id, Secret::new("$argon2id$new"), &act("member.password", "anna")).await.unwrap();
    let Credential { member, password } = store.member(id).await.unwrap().unwrap();
    assert_eq!((member.revision, password.unwrap().expose()), (4, "$argon2id$new"));
    let error = store.set_password(MemberId(9), Secret::new("x"), &act("member.password", "nobody")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(log(store).await.len(), 5);
}

#[tokio::test]
async fn the_last_admin_who_can_sign_in_stays() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let ann = added(store, "ann", AccessRole::Admin).await;
    let scoped = Access { role: AccessRole::Admin, scope: Some(["rep-codes".to_owned()].into()) };
    let some = MemberEdit { access: scoped.clone(), ..edit("some", AccessRole::Admin) };
    store.add_member(&some, Some(Secret::new("x")), false, &act("member.add", "some")).await.unwrap();
    added(store, "igor", AccessRole::Integrator).await;
    // One who was invited and has not come.
    store.add_member(&edit("late", AccessRole::Admin), None, false, &act("member.add", "late")).await.unwrap();
    let less = [
        MemberEdit { active: false, ..edit("ann", AccessRole::Admin) },
        edit("ann", AccessRole::Integrator),
        MemberEdit { access: scoped, ..edit("ann", AccessRole::Admin) },
    ];
    let before = log(store).await;
    for wanted in &less {
        assert_eq!(store.change_member(ann, 1, wanted, &act("member.change", "ann")).await.unwrap(), Kept::LastAdmin, "{wanted:?}");
    }
    assert_eq!((log(store).await, store.member(ann).await.unwrap().unwrap().member.revision), (before, 1));
    assert_eq!(store.change_member(ann, 1, &edit("Ann", AccessRole::Admin), &act("member.change", "ann")).await.unwrap(), Kept::Done(()));
    added(store, "ben", AccessRole::Admin).await;
    assert_eq!(store.change_member(ann, 2, &less[0], &act("member.change", "ann")).await.unwrap(), Kept::Done(()));
}

#[tokio::test]
async fn sessions_are_kept_by_digest_until_they_end() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let session = |digest: &[u8], data: &[u8], until| SessionRow { digest: digest.to_vec(), data: data.to_vec(), expires: minute(until) };
    let one = session(b"one", b"a", 10);
    assert!(store.put_session(&one, true).await.unwrap());
    assert!(!store.put_session(&session(b"one", b"stolen", 99), true).await.unwrap(), "its place is taken");
    assert_eq!(store.session(b"one", minute(9)).await.unwrap(), Some(one));
    let moved = session(b"one", b"b", 12);
    assert!(store.put_session(&moved, false).await.unwrap());
    assert_eq!(store.session(b"one", minute(11)).await.unwrap(), Some(moved.clone()));
    assert_eq!(store.session(b"one", minute(12)).await.unwrap(), None, "it ends at its end");
    assert!(store.put_session(&session(b"two", b"", 20), true).await.unwrap());
    store.end_session(b"two").await.unwrap();
    assert_eq!(store.session(b"two", minute(0)).await.unwrap(), None);
    assert!(!store.put_session(&session(b"two", b"", 20), false).await.unwrap(), "one that was ended does not come back");
    store.put_invitation(b"link", &Invitation { member: None, expires: minute(12) }, &act("member.link", "first")).await.unwrap();
    assert_eq!((store.forget_ended(minute(11)).await.unwrap(), store.forget_ended(minute(12)).await.unwrap()), (0, 2));
    assert_eq!(store.session(b"one", minute(0)).await.unwrap(), None);
}

#[tokio::test]
async fn a_one_time_link_opens_once_and_a_newer_one_ends_it() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let (ann, ben) = (added(store, "ann", AccessRole::Admin).await, added(store, "ben", AccessRole::Viewer).await);
    let put = |digest: &'static [u8], member: Option<MemberId>, until| async move {
        store.put_invitation(digest, &Invitation { member, expires: minute(until) }, &act("member.link", "x")).await.unwrap();
    };
    let there = |digest: &'static [u8]| async move { store.invitation(digest, minute(5)).await.unwrap().is_some() };
    put(b"first", None, 10).await;
    put(b"ann", Some(ann), 10).await;
    put(b"ben", Some(ben), 10).await;
    assert_eq!(store.invitation(b"ann", minute(9)).await.unwrap(), Some(Invitation { member: Some(ann), expires: minute(10) }));
    assert_eq!(store.invitation(b"ann", minute(10)).await.unwrap(), None);
    assert_eq!(store.take_invitation(b"ann", minute(10)).await.unwrap(), None, "too late");
    put(b"ann again", Some(ann), 20).await;
    put(b"first again", None, 20).await;
    assert_eq!([there(b"first").await, there(b"ann").await, there(b"ben").await, there(b"first again").await], [false, false, true, true]);
    // Looking uses nothing up, and of many who take it one gets it.
    let taken = futures::future::join_all((0..8).map(|_| store.take_invitation(b"ann again", minute(5)))).await;
    assert_eq!(taken.into_iter().filter(|taken| taken.as_ref().unwrap().is_some()).count(), 1);
    assert!(!there(b"ann again").await);
    // A password that was set otherwise, and a member who may no longer sign in, end what is under way.
    store.set_password(ben, Secret::new("x"), &act("member.password", "ben")).await.unwrap();
    assert!(!there(b"ben").await);
    put(b"ben", Some(ben), 10).await;
    let left = MemberEdit { active: false, ..edit("ben", AccessRole::Viewer) };
    assert_eq!(store.change_member(ben, 2, &left, &act("member.change", "ben")).await.unwrap(), Kept::Done(()));
    assert!(!there(b"ben").await && there(b"first again").await);
}

#[tokio::test]
async fn tokens_are_good_until_they_end_or_are_revoked_and_their_use_is_noted_to_the_hour() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let access = Access { role: AccessRole::Viewer, scope: Some(["rep-codes".to_owned()].into()) };
    let add = |digest: &'static [u8], name: &'static str| {
        let access = access.clone();
        async move { store.add_token(digest, name, &access, minute(1_000), &act("token.add", name)).await.unwrap() }
    };
    let (one, two) = (add(b"one", "grafana").await, add(b"two", "script").await);
    store.add_token(b"one", "again", &access, minute(9), &act("token.add", "again")).await.expect_err("a digest is used once");
    let made = Token {
        id: one,
        name: "grafana".into(),
        access: access.clone(),
        author: "ann".into(),
        created: minute(0),
        expires: minute(1_000),
        used: None,
        revoked: None,
    };
    let used = || async { store.tokens().await.unwrap().into_iter().map(|token| (token.id, token.used)).collect::<Vec<_>>() };
    assert_eq!(used().await, [(two, None), (one, None)], "newest first");
    assert_eq!(store.use_token(b"one", minute(1)).await.unwrap(), Some(made));
    for (at, noted) in [(30, 1), (60, 1), (61, 61), (70, 61)] {
        assert!(store.use_token(b"one", minute(at)).await.unwrap().is_some());
        assert_eq!(used().await, [(two, None), (one, Some(minute(noted)))], "at {at}");
    }
    assert_eq!((store.use_token(b"other", minute(1)).await.unwrap(), store.use_token(b"one", minute(1_000)).await.unwrap()), (None, None));
    assert!(store.revoke_token(one, &act("token.revoke", "grafana")).await.unwrap());
    assert!(!store.revoke_token(one, &act("token.revoke", "grafana")).await.unwrap());
    assert!(!store.revoke_token(TokenId(9), &act("token.revoke", "none")).await.unwrap());
    assert_eq!(store.use_token(b"one", minute(80)).await.unwrap(), None);
    assert!(store.use_token(b"two", minute(80)).await.unwrap().is_some());
    assert_eq!(log(store).await, ["ann token.add grafana null", "ann token.add script null", "ann token.revoke grafana null"]);
}
