//! Signing a person in at a vendor, in a browser: the address to open, the verdict on what comes back, and the exchange of its code.

use std::borrow::Cow;

use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use url::{Url, form_urlencoded};

use crate::oauth::nobody_signed_in;
use crate::{Context, Error, ErrorKind, OAuth2, Result, Secret};

/// The longest `error` word that is told.
const LONGEST_WORD: usize = 64;

/// How a person signs in for a connection (RFC 6749, section 4.1, with the proof of RFC 7636).
#[derive(Debug)]
pub struct WebSignIn {
    /// Where the vendor asks the person.
    pub authorize_url: Url,
    /// What the person is asked to allow; the vendor gives a refresh token for them.
    pub scopes: &'static [&'static str],
    /// What exchanges the code, and signs calls with what that brought: made by [`OAuth2::signed_in`].
    pub oauth: OAuth2,
}

/// A question put to a person: where they answer it, and what tells their answer from anybody else's. Good for one answer.
#[derive(Debug)]
pub struct Asked {
    address: Url,
    redirect: RedirectUrl,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
    pub(crate) scopes: &'static [&'static str],
}

/// What a browser brought.
#[derive(Debug)]
pub enum Answered {
    /// The vendor's code, to be exchanged once.
    Code(Secret),
    /// The vendor's refusal.
    Refused(Error),
    /// Nothing that belongs to the question, and why: whoever waits goes on waiting.
    Foreign(&'static str),
}

impl WebSignIn {
    /// Asks a person. The vendor sends the browser back to `redirect`, which must be registered there letter by letter.
    pub fn ask(&self, redirect: &Url) -> Asked {
        let redirect = RedirectUrl::from_url(redirect.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (address, state) = BasicClient::new(ClientId::new(self.oauth.client_id().to_owned()))
            .set_auth_uri(AuthUrl::from_url(self.authorize_url.clone()))
            .authorize_url(CsrfToken::new_random)
            .set_redirect_uri(Cow::Borrowed(&redirect))
            .add_scopes(self.scopes.iter().map(|scope| Scope::new((*scope).to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        Asked { address, redirect, state, verifier, scopes: self.scopes }
    }

    /// Exchanges the code of an answer and keeps the tokens in the connection's slot, in place of what was there. An address that the vendor
    /// names for their use is judged first; nothing is sent there.
    ///
    /// # Errors
    /// As the vendor answers; `Config` where it gives no refresh token; `Protocol` for an address that is not to be trusted. Nothing is kept then.
    pub async fn redeem(&self, code: &Secret, asked: &Asked, context: &Context) -> Result<()> {
        self.oauth.redeem(context, code, asked).await
    }

    /// Looks whether somebody has signed in for the connection. Sends nothing.
    ///
    /// # Errors
    /// `Config` where nobody has, with what to do; as the slot.
    pub async fn check(&self, context: &Context) -> Result<()> {
        if self.oauth.is_signed_in(context).await? { Ok(()) } else { Err(nobody_signed_in(&context.connection)) }
    }
}

impl Asked {
    /// The address that the person opens.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// The verdict on the query string that came back: only one with the state of this question is an answer to it.
    ///
    /// ```
    /// # use rightful_core::{Answered, OAuth2, Url, WebSignIn};
    /// # let url = |text: &str| Url::parse(text).unwrap();
    /// let oauth = OAuth2::signed_in(url("https://login.example/token"), "app", None);
    /// let way = WebSignIn { authorize_url: url("https://login.example/authorize"), scopes: &["api"], oauth };
    /// let asked = way.ask(&url("http://localhost:8917/callback"));
    /// assert!(matches!(asked.answered("code=stolen&state=guessed"), Answered::Foreign(_)));
    /// ```
    pub fn answered(&self, query: &str) -> Answered {
        let mut members: Vec<(Cow<'_, str>, Cow<'_, str>)> = form_urlencoded::parse(query.as_bytes()).collect();
        // Some vendors add members that are empty.
        members.retain(|(_, value)| !value.is_empty());
        let only = |name: &str| {
            let mut found = members.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone());
            let first = found.next();
            if found.next().is_some() { Err(Answered::Foreign("it says one thing twice")) } else { Ok(first) }
        };
        let judge = || {
            if only("state")?.as_deref() != Some(self.state.secret().as_str()) {
                return Err(Answered::Foreign("it does not answer what was asked here"));
            }
            Ok(match (only("code")?, only("error")?) {
                (Some(code), None) => Answered::Code(Secret::new(code)),
                (None, Some(word)) => Answered::Refused(refusal(&word, only("error_description")?.as_deref())),
                (Some(_), Some(_)) => Answered::Foreign("it is both a code and a refusal"),
                (None, None) => Answered::Foreign("it is neither a code nor a refusal"),
            })
        };
        judge().unwrap_or_else(|foreign| foreign)
    }

    /// The address that the vendor sends the browser back to.
    pub(crate) fn redirect(&self) -> Cow<'_, RedirectUrl> {
        Cow::Borrowed(&self.redirect)
    }

    /// The proof that whoever exchanges the code is who asked.
    pub(crate) fn verifier(&self) -> PkceCodeVerifier {
        PkceCodeVerifier::new(self.verifier.secret().clone())
    }
}

/// What a refusal means (RFC 6749, section 4.1.2.1).
fn refusal(word: &str, description: Option<&str>) -> Error {
    let (kind, message, hint) = match word {
        "access_denied" => (
            ErrorKind::Forbidden,
            "the sign-in was denied at the vendor",
            "sign in again as a user who may use the app, and allow it; an admin there says who may",
        ),
        "server_error" | "temporarily_unavailable" => (ErrorKind::Unavailable, "the vendor cannot sign anybody in now", "try again later"),
        "unauthorized_client" => {
            (ErrorKind::Config, "the app may not sign people in in a browser", "allow it that way of signing in at the vendor")
        }
        "invalid_scope" => (ErrorKind::Config, "the app may not ask for these scopes", "allow it the scopes at the vendor"),
        _ => (
            ErrorKind::Config,
            "the vendor refused the sign-in",
            "look at the app's settings at the vendor: who may use it, its callback address, its scopes",
        ),
    };
    let plain = word.len() <= LONGEST_WORD && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let error = Error::new(kind, message).hint(hint);
    let error = if plain { error.context(format!("error `{word}`")) } else { error };
    match description {
        Some(words) => error.source(words.to_owned()),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn way() -> WebSignIn {
        WebSignIn {
            authorize_url: url("https://login.example/authorize?prompt=login"),
            scopes: &["api", "refresh_token"],
            oauth: OAuth2::signed_in(url("https://login.example/token"), "app id", Some(Secret::new("hidden-secret"))),
        }
    }

    fn member(address: &Url, name: &str) -> String {
        let found: Vec<String> = address.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect();
        assert_eq!(found.len(), 1, "{name} of {address}");
        found[0].clone()
    }

    #[test]
    fn a_person_is_asked_for_the_scopes_with_a_proof_and_a_state_of_their_own() {
        let redirect = url("http://localhost:8917/callback");
        let (one, two) = (way().ask(&redirect), way().ask(&redirect));
        for (name, expected) in [
            ("prompt", "login"),
            ("response_type", "code"),
            ("client_id", "app id"),
            ("redirect_uri", "http://localhost:8917/callback"),
            ("scope", "api refresh_token"),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(member(one.address(), name), expected);
        }
        for name in ["state", "code_challenge"] {
            assert!(member(one.address(), name).len() >= 20);
            assert_ne!(member(one.address(), name), member(two.address(), name), "{name}");
        }
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&one.verifier());
        assert_eq!(member(one.address(), "code_challenge"), challenge.as_str());
        let shown = format!("{one:?} {:?}", way());
        assert!(
            !shown.contains(one.verifier.secret()) && !shown.contains("hidden") && !one.address().as_str().contains("hidden"),
            "{shown}"
        );
    }

    #[test]
    fn only_what_carries_the_state_is_an_answer() {
        let asked = way().ask(&url("http://localhost:8917/callback"));
        let state = member(asked.address(), "state");
        let verdict = |query: &str| match asked.answered(&query.replace("STATE", &state)) {
            Answered::Code(code) => format!("code {}", code.expose()),
            Answered::Refused(error) => {
                assert!(error.mend().is_some(), "{error:?}");
                format!("{}: {error} [{}]", error.kind(), error.vendor_words().unwrap_or_default())
            }
            Answered::Foreign(why) => format!("foreign: {why}"),
        };
        let not_asked = "foreign: it does not answer what was asked here";
        for (query, expected) in [
            ("code=aPrx%2B1&state=STATE", "code aPrx+1"),
            ("state=STATE&error=&code=c", "code c"),
            ("code=c&state=STATEx", not_asked),
            ("code=c&state=", not_asked),
            ("code=c", not_asked),
            ("", not_asked),
            ("error=access_denied", not_asked),
            ("code=c&state=STATE&state=other", "foreign: it says one thing twice"),
            ("code=c&code=d&state=STATE", "foreign: it says one thing twice"),
            ("state=STATE", "foreign: it is neither a code nor a refusal"),
            ("code=c&error=access_denied&state=STATE", "foreign: it is both a code and a refusal"),
            (
                "error=access_denied&error_description=end-user+denied+authorization&state=STATE",
                "forbidden: the sign-in was denied at the vendor (error `access_denied`) [end-user denied authorization]",
            ),
            (
                "error=temporarily_unavailable&state=STATE",
                "unavailable: the vendor cannot sign anybody in now (error `temporarily_unavailable`) []",
            ),
            ("error=invalid_scope&state=STATE", "config: the app may not ask for these scopes (error `invalid_scope`) []"),
            (
                "error=unauthorized_client&state=STATE",
                "config: the app may not sign people in in a browser (error `unauthorized_client`) []",
            ),
            ("error=OAUTH_APP_BLOCKED&state=STATE", "config: the vendor refused the sign-in (error `OAUTH_APP_BLOCKED`) []"),
            ("error=%1b%5b2J&state=STATE", "config: the vendor refused the sign-in []"),
        ] {
            assert_eq!(verdict(query), expected, "{query}");
        }
    }
}
