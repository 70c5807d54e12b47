"""Authentication: from the credential in a request to an `Identity`.

Without I/O: `identity` (claims, policy, renewal), `token_format`, `token_keys` and `credentials`.
With I/O: `jwks` (fetches keys), `authenticator` (verifies tokens), `sign_in` (rate-limits
strangers, checks revocation), `dev_tokens` (mints tokens for development).
"""
