//! What is sealed opens in its place under its key and nowhere else, and nothing of it can be read from the files.

use std::path::PathBuf;

use rightful_core::Settings;
use rightful_engine::{Act, AuditFilter, AuditLog as _, Authorship, ConnectionEdit, ConnectionStore as _, Kept, Store as _};

use super::*;
use crate::SqliteStore;

const ONE: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const OTHER: &str = "0202020202020202020202020202020202020202020202020202020202020202";
const PASSWORD: &str = "correct horse battery staple";

fn at() -> rightful_core::Instant {
    crate::database::instant(1_800_000_000_000_000)
}

fn act(action: &str) -> Act {
    Act::new(at(), "ann", action, "field")
}

fn by() -> Authorship {
    Authorship { author: "ann".into(), reason: "yearly".into(), at: at() }
}

fn master(text: &str) -> MasterKey {
    MasterKey::parse(&Secret::new(text)).unwrap()
}

fn edit(name: &str, secrets: &[(&str, Option<&str>)]) -> ConnectionEdit {
    ConnectionEdit {
        name: name.into(),
        vendor: "skynamo".into(),
        settings: Settings::new([("instance", "acme".into())]),
        secrets: secrets.iter().map(|(key, secret)| ((*key).to_owned(), secret.map(Secret::new))).collect(),
    }
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    fn open(&self, key: Option<&str>) -> SqliteStore {
        SqliteStore::open(&self.path()).unwrap().with_master_key(Ok(key.map(Secret::new)))
    }

    /// Changes the file behind the store's back.
    fn meddle(&self, sql: &str) {
        assert!(Connection::open(self.path()).unwrap().execute(sql, []).unwrap() > 0, "{sql}");
    }

    /// Every byte of every file, the log included.
    fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    fn holds(&self, text: &str) -> bool {
        self.bytes().windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// Two connections, `field` with two secrets and `erp` with one.
async fn two_connections(store: &SqliteStore) {
    let field = edit("field", &[("api_key", Some(PASSWORD)), ("user_password", Some("another one"))]);
    assert_eq!(store.put_connection(0, &field, &act("connection.save")).await.unwrap(), Kept::Done(1));
    let erp = edit("erp", &[("api_key", Some("of the other"))]);
    assert_eq!(store.put_connection(0, &erp, &act("connection.save")).await.unwrap(), Kept::Done(1));
}

async fn opened(store: &SqliteStore, name: &str) -> Result<Vec<String>> {
    Ok(store.open_secrets(&name.into()).await?.all().map(|secret| secret.expose().to_owned()).collect())
}

#[test]
fn a_master_key_is_32_bytes_in_hexadecimal_or_base64() {
    let key = master(&"ab".repeat(32));
    let base64 = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s";
    for same in [&"AB".repeat(32), &format!("  {}\n", "ab".repeat(32)), base64, &format!("{base64}=")] {
        assert_eq!((&master(same).key, master(same).id()), (&key.key, key.id()), "{same}");
    }
    // 62 and 63 are written in two ways.
    assert_eq!(master(&format!("{}8", "-_".repeat(21))).key, master(&format!("{}8", "+/".repeat(21))).key);
    assert!(key.id().len() == 16 && master(OTHER).id() != key.id());
    for bad in ["", "ab", &"ab".repeat(31), &"ab".repeat(33), &"+a".repeat(32), &"xy".repeat(32), &base64[1..], "a passphrase is no key"] {
        let error = MasterKey::parse(&Secret::new(bad)).unwrap_err();
        assert_eq!((error.kind(), error.mend()), (ErrorKind::Config, Some("make one: rightful key new")), "{bad}");
        assert!(bad.is_empty() || !error.to_string().contains(bad), "{error}");
    }
    let (fresh, another) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
    assert!(fresh != another && master(fresh.expose()).id() != master(another.expose()).id());
    let told = format!("{:?} {:?}", key, Vault::new(Ok(Some(Secret::new("ab".repeat(32))))));
    assert!(told.contains(key.id()) && !told.contains("abab") && !told.contains("171"), "{told}");
}

#[test]
fn each_bit_of_what_is_sealed_counts_and_so_does_its_place() {
    let key: Key = random().unwrap();
    let place = ["secret", "field", "api_key"];
    let sealed = seal(&key, &place, PASSWORD.as_bytes()).unwrap();
    assert_eq!(open(&key, &place, &sealed).unwrap().as_slice(), PASSWORD.as_bytes());
    assert_ne!(seal(&key, &place, PASSWORD.as_bytes()).unwrap(), sealed, "a nonce is used once");
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&key, &place, &changed).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(open(&key, &place, &sealed[..length]).is_err(), "the first {length} bytes");
    }
    for elsewhere in
        [&["secret", "erp", "api_key"][..], &["secret", "field", "other"], &["secret", "fielda", "pi_key"], &["secret", "field"]]
    {
        assert!(open(&key, elsewhere, &sealed).is_err(), "{elsewhere:?}");
    }
    assert!(open(&random().unwrap(), &place, &sealed).is_err());
}

#[tokio::test]
async fn secrets_of_a_connection_are_set_changed_taken_away_and_never_stand_in_the_files() {
    let place = Place::new();
    let store = place.open(Some(ONE));
    two_connections(&store).await;
    assert_eq!(opened(&store, "field").await.unwrap(), [PASSWORD, "another one"]);
    assert_eq!(opened(&store, "erp").await.unwrap(), ["of the other"]);
    assert_eq!(opened(&store, "nowhere").await.unwrap(), [""; 0]);
    let change = edit("field", &[("api_key", Some("changed since")), ("user_password", None)]);
    assert_eq!(store.put_connection(1, &change, &act("connection.save")).await.unwrap(), Kept::Done(2));
    assert_eq!(opened(&store, "field").await.unwrap(), ["changed since"]);
    // Not named: stays.
    assert_eq!(store.put_connection(2, &edit("field", &[]), &act("connection.save")).await.unwrap(), Kept::Done(3));
    // Another process has the same.
    assert_eq!(opened(&place.open(Some(ONE)), "field").await.unwrap(), ["changed since"]);
    let known = store.connections().await.unwrap();
    let told: Vec<_> = known.iter().map(|one| (one.name.as_str(), one.vendor.as_str(), one.sealed.clone(), one.revision)).collect();
    assert_eq!(told, [("erp", "skynamo", vec![("api_key".into(), at())], 1), ("field", "skynamo", vec![("api_key".into(), at())], 3)]);
    assert_eq!(known[1].settings, Settings::new([("instance", "acme".into())]));
    assert!(place.holds("acme"), "what stands in clear is found");
    for secret in [PASSWORD, "another one", "of the other", "changed since", ONE, "\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}\u{1}"] {
        assert!(!place.holds(secret), "{secret:?} stands in the files");
    }
    // Neither after everything was moved from the log into the file.
    drop(store);
    Connection::open(place.path()).unwrap().pragma_update(None, "journal_mode", "DELETE").unwrap();
    assert!(place.holds("acme") && ![PASSWORD, "another one", "changed since"].iter().any(|secret| place.holds(secret)));
}

#[tokio::test]
async fn a_connection_is_changed_under_its_revision_and_removed_with_all_that_is_sealed_for_it() {
    let place = Place::new();
    let store = place.open(Some(ONE));
    two_connections(&store).await;
    let lines = || async { store.acts(&AuditFilter { limit: 99, ..AuditFilter::default() }).await.unwrap().len() };
    let before = lines().await;
    for (revision, name, kept) in [(0, "field", Kept::Taken), (2, "field", Kept::Moved), (1, "nowhere", Kept::Moved)] {
        let change = edit(name, &[("api_key", Some("late"))]);
        assert_eq!(store.put_connection(revision, &change, &act("connection.save")).await.unwrap(), kept, "{revision} {name}");
    }
    assert!(!store.remove_connection(&"nowhere".into(), &act("connection.remove")).await.unwrap());
    assert_eq!((lines().await, opened(&store, "field").await.unwrap()[0].as_str()), (before, PASSWORD));
    let name: ConnectionName = "field".into();
    assert!(store.swap_slot(&name, 0, Some(Secret::new("token"))).await.unwrap());
    assert!(store.remove_connection(&name, &act("connection.remove")).await.unwrap());
    assert_eq!(lines().await, before + 1);
    assert_eq!(opened(&store, "field").await.unwrap(), [""; 0]);
    let slot = store.load_slot(&name).await.unwrap();
    assert!(slot.text.is_none() && !store.swap_slot(&name, 1, None).await.unwrap(), "who read it before is too late: {slot:?}");
    assert_eq!(opened(&store, "erp").await.unwrap(), ["of the other"]);
    // The name may be used again, with a key of its own.
    assert_eq!(store.put_connection(0, &edit("field", &[("api_key", Some("new"))]), &act("connection.save")).await.unwrap(), Kept::Done(1));
    assert_eq!(opened(&store, "field").await.unwrap(), ["new"]);
}

#[tokio::test]
async fn what_was_changed_or_moved_in_the_file_does_not_open() {
    for (about, sql) in [
        ("a changed secret", "UPDATE secret SET sealed = CAST(sealed || x'00' AS BLOB) WHERE connection = 'field'"),
        (
            "another key's secret",
            "UPDATE secret SET sealed = (SELECT sealed FROM secret WHERE key = 'user_password') WHERE connection = 'field'",
        ),
        (
            "another connection's secret",
            "UPDATE secret SET sealed = (SELECT sealed FROM secret WHERE connection = 'erp') WHERE connection = 'field'",
        ),
        (
            "another connection's key",
            "UPDATE data_key SET sealed = (SELECT sealed FROM data_key WHERE connection = 'erp') WHERE connection = 'field'",
        ),
        (
            "another connection's key and secrets",
            "INSERT OR REPLACE INTO secret SELECT 'field', key, at, sealed FROM secret WHERE connection = 'erp'",
        ),
        ("no key", "DELETE FROM data_key WHERE connection = 'field'"),
    ] {
        let place = Place::new();
        let store = place.open(Some(ONE));
        two_connections(&store).await;
        place.meddle(sql);
        let error = opened(&store, "field").await.expect_err(about);
        assert!(error.kind() == ErrorKind::Config && error.mend().is_some(), "{about}: {error:?}");
        assert_eq!(opened(&store, "erp").await.unwrap(), ["of the other"], "{about}");
    }
}

#[tokio::test]
async fn without_the_master_key_or_under_another_the_error_names_the_one_that_is_wanted() {
    let place = Place::new();
    let bare = place.open(None);
    bare.check_sealed().await.expect("nothing is sealed yet");
    let error = bare.put_connection(0, &edit("field", &[("api_key", Some(PASSWORD))]), &act("connection.save")).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.mend().unwrap().contains("rightful key new"), "{error:?}");
    assert_eq!(bare.connections().await.unwrap(), [], "nothing is half-kept");
    // One without secrets needs no key.
    assert_eq!(bare.put_connection(0, &edit("plain", &[]), &act("connection.save")).await.unwrap(), Kept::Done(1));
    assert!(!bare.can_seal() && opened(&bare, "plain").await.unwrap().is_empty());
    two_connections(&place.open(Some(ONE))).await;
    let (wanted, another) = (master(ONE).id().to_owned(), master(OTHER).id().to_owned());
    let unset = || Error::new(ErrorKind::Config, "the environment variable KEY is not set").hint("set it: export KEY=...");
    let stores = [
        ("none", place.open(None), "no master key is given", "master_key = {"),
        ("another", place.open(Some(OTHER)), &another, "rightful key rotate"),
        ("unset", SqliteStore::open(&place.path()).unwrap().with_master_key(Err(unset())), "KEY is not set", "export KEY"),
        ("no key", place.open(Some("letmein")), "must be 32 bytes", "rightful key new"),
    ];
    for (about, store, told, mend) in stores {
        for error in [opened(&store, "field").await.unwrap_err(), store.check_sealed().await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Config, "{about}");
            assert!(error.to_string().contains(&wanted) && error.to_string().contains(told), "{about}: {error}");
            assert!(error.mend().is_some_and(|hint| hint.contains(mend)), "{about}: {error:?}");
        }
        let change = edit("field", &[("api_key", Some("new"))]);
        store.put_connection(1, &change, &act("connection.save")).await.expect_err("its key does not open");
        store.put_connection(0, &edit("fresh", &[("api_key", Some("new"))]), &act("connection.save")).await.ok();
        // Whatever needs no secret goes on.
        assert_eq!(store.connections().await.unwrap().iter().filter(|one| one.name.as_str() != "fresh").count(), 3, "{about}");
        assert!(!place.holds("letmein"));
    }
    let store = place.open(Some(ONE));
    assert!(store.can_seal());
    assert_eq!(opened(&store, "field").await.unwrap(), [PASSWORD, "another one"]);
    let error = store.check_sealed().await.expect_err("`fresh` was sealed under the other key");
    assert!(error.to_string().contains(master(OTHER).id()), "{error}");
}

#[tokio::test]
async fn rotation_seals_all_keys_anew_or_none() {
    let place = Place::new();
    let store = place.open(Some(ONE));
    two_connections(&store).await;
    let slot: ConnectionName = "of the file".into();
    assert!(store.swap_slot(&slot, 0, Some(Secret::new("refresh token"))).await.unwrap());
    place.open(Some(OTHER)).rotate_master_key(master(OTHER), &by()).await.map(|count| assert_eq!(count, 0)).expect_err("not its own");
    place.open(None).rotate_master_key(master(OTHER), &by()).await.expect_err("without the present one");
    // One that does not open stops it all.
    place.meddle("UPDATE data_key SET sealed = CAST(x'00' || sealed AS BLOB) WHERE connection = 'of the file'");
    store.rotate_master_key(master(OTHER), &by()).await.expect_err("a damaged key");
    assert_eq!(opened(&store, "field").await.unwrap(), [PASSWORD, "another one"]);
    place.meddle("UPDATE data_key SET sealed = CAST(substr(sealed, 2) AS BLOB) WHERE connection = 'of the file'");
    assert_eq!(store.rotate_master_key(master(OTHER), &by()).await.unwrap(), 3);
    opened(&store, "field").await.expect_err("the old key is over");
    let store = place.open(Some(OTHER));
    store.check_sealed().await.unwrap();
    assert_eq!(opened(&store, "field").await.unwrap(), [PASSWORD, "another one"]);
    assert_eq!(store.load_slot(&slot).await.unwrap().text.unwrap().expose(), "refresh token");
    assert_eq!(store.rotate_master_key(master(OTHER), &by()).await.unwrap(), 0, "again is no harm");
    let lines = store.acts(&AuditFilter { action: Some("key.".into()), limit: 9, ..AuditFilter::default() }).await.unwrap();
    let detail = serde_json::json!({ "from": master(ONE).id(), "to": master(OTHER).id(), "connections": 3, "reason": "yearly" });
    assert_eq!((lines.len(), &lines[0].act.detail), (1, &detail));
}

#[tokio::test]
async fn a_lost_key_takes_its_secrets_with_it_and_they_can_be_entered_again() {
    let place = Place::new();
    two_connections(&place.open(Some(ONE))).await;
    // A key that cannot be had just now is not lost.
    let unset = SqliteStore::open(&place.path()).unwrap().with_master_key(Err(Error::new(ErrorKind::Config, "not set")));
    assert!(unset.forget_unopenable(&by()).await.unwrap_err().to_string().contains("not set"));
    let store = place.open(Some(OTHER));
    assert_eq!(store.put_connection(0, &edit("late", &[("api_key", Some("kept"))]), &act("connection.save")).await.unwrap(), Kept::Done(1));
    assert_eq!(store.forget_unopenable(&by()).await.unwrap(), ["erp", "field"]);
    assert_eq!(store.forget_unopenable(&by()).await.unwrap(), [""; 0]);
    store.check_sealed().await.unwrap();
    let known = store.connections().await.unwrap();
    let told: Vec<_> = known.iter().map(|one| (one.name.as_str(), one.sealed.len(), one.revision)).collect();
    assert_eq!(told, [("erp", 0, 2), ("field", 0, 2), ("late", 1, 1)]);
    assert_eq!(
        store.put_connection(2, &edit("field", &[("api_key", Some("again"))]), &act("connection.save")).await.unwrap(),
        Kept::Done(3)
    );
    assert_eq!(
        (opened(&store, "field").await.unwrap(), opened(&store, "late").await.unwrap()),
        (vec!["again".into()], vec!["kept".into()])
    );
}

#[tokio::test]
async fn slots_are_sealed_from_the_first_swap_under_a_master_key() {
    let place = Place::new();
    let name: ConnectionName = "field".into();
    let bare = place.open(None);
    assert!(bare.swap_slot(&name, 0, Some(Secret::new("a clear one"))).await.unwrap());
    let text = |slot: rightful_core::SlotValue| (slot.revision, slot.text.map(|text| text.expose().to_owned()));
    let store = place.open(Some(ONE));
    assert_eq!(text(store.load_slot(&name).await.unwrap()), (1, Some("a clear one".into())), "from before there was a key");
    assert!(!store.swap_slot(&name, 0, Some(Secret::new("late"))).await.unwrap());
    assert!(store.swap_slot(&name, 1, Some(Secret::new("refresh token"))).await.unwrap());
    assert_eq!(text(store.load_slot(&name).await.unwrap()), (2, Some("refresh token".into())));
    assert!(place.holds("a clear one") && !place.holds("refresh token"));
    // Without the key it is neither read nor replaced by a text in clear.
    for shut in [bare, place.open(Some(OTHER))] {
        assert_eq!(shut.load_slot(&name).await.unwrap_err().kind(), ErrorKind::Config);
        assert_eq!(shut.swap_slot(&name, 2, Some(Secret::new("clear again"))).await.unwrap_err().kind(), ErrorKind::Config);
    }
    // A key that was named and cannot be had is no reason to keep anything in clear.
    let unset = SqliteStore::open(&place.path()).unwrap().with_master_key(Err(Error::new(ErrorKind::Config, "not set")));
    assert_eq!(unset.swap_slot(&"erp".into(), 0, Some(Secret::new("clear again"))).await.unwrap_err().kind(), ErrorKind::Config);
    assert!(!place.holds("clear again"));
    assert!(store.swap_slot(&name, 2, None).await.unwrap());
    assert_eq!(text(store.load_slot(&name).await.unwrap()), (3, None));
    place.meddle("UPDATE slot SET sealed = x'01020304' WHERE connection = 'field'");
    assert_eq!(store.load_slot(&name).await.unwrap_err().kind(), ErrorKind::Config);
}
