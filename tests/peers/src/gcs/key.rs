//! The service account: a real RSA key, and the check of the tokens that are signed with it.
//!
//! `object_store` signs the token itself (RS256, scope instead of audience) and sends it as the bearer;
//! no token server is asked. Depends on `ring`, and on `openssl` to make the key.

use anyhow::{Context as _, bail, ensure};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::Deserialize;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const EMAIL: &str = "forgelog@peers.example.org";
/// Each of them lets one read and write objects.
const SCOPES: [&str; 3] = [
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/devstorage.full_control",
    "https://www.googleapis.com/auth/devstorage.read_write",
];
/// Clocks may differ by so many seconds.
const SKEW: u64 = 60;
/// A token lives no longer, in seconds.
const LIFE_MAX: u64 = 3600;

/// A service account's key.
#[derive(Debug)]
pub struct ServiceKey {
    id: String,
    pem: String,
    public: PublicKeyComponents<Vec<u8>>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    scope: String,
    iat: u64,
    exp: u64,
}

impl ServiceKey {
    /// A new key of 2,048 bits with this id. Blocks for a tenth of a second.
    pub fn generate(id: &str) -> anyhow::Result<Self> {
        let made = Command::new("openssl")
            .args(["genpkey", "-quiet", "-algorithm", "RSA"])
            .args(["-pkeyopt", "rsa_keygen_bits:2048"])
            .output()
            .context("openssl cannot be run")?;
        ensure!(
            made.status.success(),
            "openssl genpkey: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let pem = String::from_utf8(made.stdout).context("openssl's key is not text")?;
        let body: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let der = BASE64
            .decode(body.as_bytes())
            .context("openssl's key is not PEM")?;
        let pair = KeyPair::from_pkcs8(&der)
            .map_err(|error| anyhow::anyhow!("openssl's key is no RSA key: {error}"))?;
        let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
        Ok(Self {
            id: id.to_owned(),
            pem,
            public,
        })
    }

    /// The account's file, as Google hands it out.
    pub fn account(&self) -> serde_json::Value {
        serde_json::json!({
            "type": "service_account",
            "private_key": self.pem,
            "private_key_id": self.id,
            "client_email": EMAIL,
        })
    }

    /// Checks a bearer that was sent now.
    pub fn check(&self, bearer: &str) -> anyhow::Result<()> {
        let mut parts = bearer.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            bail!("the token does not have three parts");
        };
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes());
        let head: Header = serde_json::from_slice(&decode(header)?)?;
        ensure!(head.alg == "RS256", "the algorithm is {}", head.alg);
        ensure!(head.kid.as_deref() == Some(&self.id), "another key's token");
        let public = RsaPublicKeyComponents {
            n: &self.public.n,
            e: &self.public.e,
        };
        let signed = format!("{header}.{claims}");
        public
            .verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed.as_bytes(),
                &decode(signature)?,
            )
            .map_err(|_| anyhow::anyhow!("the signature is wrong"))?;
        let claims: Claims = serde_json::from_slice(&decode(claims)?)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        ensure!(
            claims.iss == EMAIL && claims.sub == EMAIL,
            "the token is of {}",
            claims.iss
        );
        ensure!(
            claims.scope.split(' ').any(|scope| SCOPES.contains(&scope)),
            "the scope is {}",
            claims.scope
        );
        ensure!(
            claims.iat <= now + SKEW && now <= claims.exp + SKEW,
            "the token is not of this time"
        );
        ensure!(
            claims.exp <= claims.iat + LIFE_MAX,
            "the token lives too long"
        );
        Ok(())
    }
}
