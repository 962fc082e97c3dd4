//! Sign-in by an assertion that a private key signed (RFC 7523).
//!
//! Claims and their limits: <https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm>.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use rightful_core::{
    Call, Clock, Context, EndpointRule as _, Error, ErrorKind, Instant, Request, Response, Result, Secret, Session, SessionScheme, Url,
    at_origin_of, fingerprint, inspect_status,
};

use super::InstanceRule;
use crate::wire;

/// How long an assertion holds. The vendor allows three minutes; clocks differ.
const ASSERTION_LIFE: TimeDelta = TimeDelta::seconds(120);

/// How hints of refusals begin whose reason is known.
pub const KNOWN: &str = "Salesforce says why: ";

/// The largest token answer that is read.
const TOKEN_ANSWER_CAP: usize = 256 * 1024;

/// The largest key that is read, in characters.
const LONGEST_KEY: usize = 32 * 1024;

/// An RSA key that signs; prints nothing of itself.
pub struct SigningKey(KeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    /// The key of a PEM text: PKCS #8 or PKCS #1, not encrypted.
    ///
    /// # Errors
    /// `Config` where it is none.
    pub fn from_pem(pem: &Secret) -> Result<Self> {
        let wrong = |hint: &'static str| Error::new(ErrorKind::Config, "`private_key` is not a private RSA key").hint(hint);
        let text = pem.expose();
        if text.len() > LONGEST_KEY {
            return Err(wrong("give the key alone, without certificates"));
        }
        let label = |kind: &str| (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
        for (kind, read) in
            [("PRIVATE KEY", KeyPair::from_pkcs8 as fn(&[u8]) -> _), ("RSA PRIVATE KEY", |der: &[u8]| KeyPair::from_der(der))]
        {
            let (begin, end) = label(kind);
            let Some((body, _)) = text.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)) else { continue };
            let body: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
            let der = STANDARD.decode(body).map_err(|_| wrong("look for lines that were lost when it was copied"))?;
            return read(&der).map(Self).map_err(|_| wrong("use an RSA key of 2048 to 8192 bits"));
        }
        Err(wrong("give the whole PEM text, from -----BEGIN PRIVATE KEY----- on; an encrypted key has to be decrypted first"))
    }

    /// The RS256 signature of a text.
    fn signature(&self, text: &str) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| Error::new(ErrorKind::Config, "the assertion could not be signed").hint("check `private_key`"))?;
        Ok(signature)
    }
}

/// How one user signs in by assertion.
#[derive(Debug)]
pub struct JwtBearer {
    pub token_url: Url,
    pub client_id: String,
    pub username: String,
    pub audience: String,
    pub key: SigningKey,
    /// The key as it was given, to notice that it changed and to mask it.
    pub pem: Secret,
    pub rule: InstanceRule,
    /// How long a session is trusted after the last answer; none says when it ends.
    pub life: TimeDelta,
    pub clock: Arc<dyn Clock>,
}

impl JwtBearer {
    fn assertion(&self) -> Result<String> {
        let expires = (self.clock.now() + ASSERTION_LIFE).timestamp();
        let claims = serde_json::json!({ "iss": self.client_id, "sub": self.username, "aud": self.audience, "exp": expires });
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(self.key.signature(&signed)?);
        Ok(format!("{signed}.{signature}"))
    }
}

impl SessionScheme for JwtBearer {
    fn sign_in(&self) -> Result<Call> {
        let assertion = self.assertion()?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", &assertion)
            .finish();
        // A second token does no harm; without `jti` the same assertion may come twice.
        Ok(Call::post("token", self.token_url.clone())
            .body("application/x-www-form-urlencoded", body)
            .body_cap(TOKEN_ANSWER_CAP)
            .idempotent())
    }

    fn read(&self, response: &Response, context: &Context) -> Result<Session> {
        if let Err(error) = inspect_status(response) {
            return Err(refused(error, response));
        }
        // Only the place of a mistake is told: the answer holds the token.
        let token: wire::Token = response.json().map_err(|error| error.hint("check `login_url`"))?;
        let endpoint = self.rule.check(&token.instance_url).map_err(|error| error.context("`instance_url` of the token answer"))?;
        Ok(Session {
            token: Secret::new(token.access_token),
            endpoint: Some(endpoint),
            expires: context.clock.now().checked_add_signed(self.life),
            facts: serde_json::Value::Null,
        })
    }

    fn apply(&self, session: &Session, request: &mut Request) -> Result<()> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", session.token.expose()))
            .map_err(|_| Error::new(ErrorKind::Protocol, "the access token has characters a header cannot carry").hint("report it"))?;
        value.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, value);
        session.endpoint.as_ref().map_or(Ok(()), |endpoint| at_origin_of(endpoint, &mut request.url))
    }

    /// Every answer shows that the session lives, and using it keeps it alive.
    fn deadline(&self, response: &Response, context: &Context) -> Option<Instant> {
        response.status.is_success().then(|| context.clock.now().checked_add_signed(self.life)).flatten()
    }

    fn credentials(&self) -> u64 {
        fingerprint([self.client_id.as_str(), &self.username, &self.audience, self.pem.expose()])
    }

    fn secrets(&self) -> Vec<Secret> {
        vec![self.pem.clone()]
    }
}

/// The error a refused assertion stands for. Of the answer only what we know by heart is repeated.
fn refused(error: Error, response: &Response) -> Error {
    if error.kind().is_retryable() {
        return error;
    }
    let Ok(refused) = response.json::<wire::TokenRefused>() else { return error };
    let description = refused.error_description.as_deref().unwrap_or_default();
    let known = match (refused.error.as_str(), description) {
        ("invalid_grant", "user hasn't approved this consumer") => {
            "let an admin pre-authorise the user for the app: a profile or permission set in the app's policies"
        }
        ("invalid_grant", "audience is invalid") => {
            "set `audience` to https://login.salesforce.com, or https://test.salesforce.com for a sandbox"
        }
        ("invalid_grant", "expired authorization code") => "the assertion had expired: set this machine's clock",
        ("invalid_client_id" | "invalid_client", _) => "check `client_id`, the consumer key of the app",
        ("invalid_grant", _) => "check `username`, that the user is active, and that the app has the certificate of `private_key`",
        _ => return error,
    };
    Error::new(ErrorKind::Unauthenticated, "Salesforce did not accept the assertion").hint(format!("{KNOWN}{known}"))
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use rightful_core::{ManualClock, StatusCode};

    use super::*;

    /// A key made for this run: none lies in the repository.
    fn pem() -> Secret {
        static PEM: OnceLock<Secret> = OnceLock::new();
        let made = || {
            let der: Pkcs8V1Der<'_> = KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
            let body = STANDARD.encode(der.as_ref());
            let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            Secret::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
        };
        PEM.get_or_init(made).clone()
    }

    fn scheme() -> JwtBearer {
        let pem = pem();
        JwtBearer {
            token_url: Url::parse("https://login.salesforce.com/services/oauth2/token").unwrap(),
            client_id: "3MVG9.consumer".into(),
            username: "bot@acme.example".into(),
            audience: "https://login.salesforce.com".into(),
            key: SigningKey::from_pem(&pem).unwrap(),
            pem,
            rule: InstanceRule { login: Url::parse("https://login.salesforce.com").unwrap(), trusted: None },
            life: TimeDelta::minutes(90),
            clock: Arc::new(ManualClock::at("2026-11-27T09:00:00Z".parse().unwrap())),
        }
    }

    #[test]
    fn an_assertion_names_the_user_and_is_signed() {
        let scheme = scheme();
        let assertion = scheme.assertion().unwrap();
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let (head, claims) = signed.split_once('.').unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(head).unwrap(), br#"{"alg":"RS256"}"#);
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(
            claims,
            serde_json::json!({ "iss": "3MVG9.consumer", "sub": "bot@acme.example", "aud": "https://login.salesforce.com", "exp": 1_795_770_120 })
        );
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, scheme.key.0.public_key().as_ref());
        public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        assert!(public.verify(b"something else", &URL_SAFE_NO_PAD.decode(signature).unwrap()).is_err());
    }

    #[test]
    fn sf_8_a_key_that_is_none_is_told_without_showing_it() {
        let whole = pem();
        let halved = whole.expose().replace("\n", "").replace("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----MIIE");
        for text in ["", "MIIE", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", &halved, &"x".repeat(40_000)] {
            let error = SigningKey::from_pem(&Secret::new(text)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.message().contains("`private_key`") && !format!("{error:?}").contains("MIIE"), "{error:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let table = [
            ("user hasn't approved this consumer", "pre-authorise"),
            ("audience is invalid", "`audience`"),
            ("expired authorization code", "clock"),
            ("something of tomorrow", "`username`"),
        ];
        for (description, wanted) in table {
            let body = serde_json::json!({ "error": "invalid_grant", "error_description": description }).to_string();
            let response = Response::new(StatusCode::BAD_REQUEST, body);
            let error = refused(inspect_status(&response).unwrap_err(), &response);
            assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{description}");
            assert!(error.mend().unwrap().contains(wanted), "{description}: {error:?}");
        }
        let response = Response::new(StatusCode::BAD_REQUEST, r#"{"error":"invalid_client_id"}"#);
        assert!(refused(inspect_status(&response).unwrap_err(), &response).mend().unwrap().contains("`client_id`"));
    }
}
