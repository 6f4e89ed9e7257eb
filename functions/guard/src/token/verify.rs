//! Whether a signature is that of a key. The key has said which algorithm it is for.

use super::key::{Algorithm, Key, Public};
use super::{Parts, TokenError};
use ed25519_dalek::Signature as Ed25519Signature;
use rsa::signature::Verifier;
use rsa::{pkcs1v15, pss};
use sha2::{Sha256, Sha384, Sha512};

pub(super) fn signature(key: &Key, parts: &Parts) -> Result<(), TokenError> {
    let is_good = match &key.public {
        Public::Rsa(public) => rsa_signature(public, key.algorithm, parts),
        // r and s, one after the other (RFC 7518, section 3.4); never DER.
        Public::P256(public) => {
            let signature = p256::ecdsa::Signature::from_slice(&parts.signature);
            signature.is_ok_and(|it| public.verify(parts.message, &it).is_ok())
        }
        Public::P384(public) => {
            let signature = p384::ecdsa::Signature::from_slice(&parts.signature);
            signature.is_ok_and(|it| public.verify(parts.message, &it).is_ok())
        }
        Public::Ed25519(public) => {
            let signature = Ed25519Signature::from_slice(&parts.signature);
            signature.is_ok_and(|it| public.verify_strict(parts.message, &it).is_ok())
        }
    };
    if is_good { Ok(()) } else { Err(TokenError::BadSignature) }
}

fn rsa_signature(public: &rsa::PublicKey, algorithm: Algorithm, parts: &Parts) -> bool {
    let message = parts.message;
    if matches!(algorithm, Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512) {
        let Ok(signature) = pkcs1v15::Signature::try_from(&*parts.signature) else { return false };
        let public = public.clone();
        return match algorithm {
            Algorithm::Rs256 => {
                pkcs1v15::VerifyingKey::<Sha256>::new(public).verify(message, &signature)
            }
            Algorithm::Rs384 => {
                pkcs1v15::VerifyingKey::<Sha384>::new(public).verify(message, &signature)
            }
            _ => pkcs1v15::VerifyingKey::<Sha512>::new(public).verify(message, &signature),
        }
        .is_ok();
    }
    // The salt is as long as the hash (RFC 7518, section 3.5).
    let Ok(signature) = pss::Signature::try_from(&*parts.signature) else { return false };
    let public = public.clone();
    match algorithm {
        Algorithm::Ps256 => pss::VerifyingKey::<Sha256>::new(public).verify(message, &signature),
        Algorithm::Ps384 => pss::VerifyingKey::<Sha384>::new(public).verify(message, &signature),
        Algorithm::Ps512 => pss::VerifyingKey::<Sha512>::new(public).verify(message, &signature),
        _ => return false,
    }
    .is_ok()
}
