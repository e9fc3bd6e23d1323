/// Tokens made by PyJWT 2.15.1, fixed.
///
/// Unless its comment says otherwise a token is HS256 with `PyJWTVectors.secret`, header
/// `{"alg", "kid": "main", "typ": "JWT"}` and claims `{"iss": "sluice", "aud": "sluice",
/// "sub": "alice", "iat": 1700000000, "exp": 1700003600, "roles": ["member"], "plan": "free"}`.
enum PyJWTVectors {
    static let secret = Array("sluice test secret, thirty-two bytes or more".utf8)

    /// A token as most issuers make it.
    static let accepted = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2xlc\
        yI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUifQ.R-F-PfZbM3nCezXxtWt0H9X3bi47NCUz2YWkHP29xeU
        """

    /// No `kid` in the header.
    static let withoutKid = """
        eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzbHVpY2UiLCJhdWQiOiJzbHVpY2UiLCJzdWI\
        iOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2xlcyI6WyJtZW1iZXIiXSw\
        icGxhbiI6ImZyZWUifQ.6fZWlFzkJUsiaUoCEpISLNZP1pdP1qypYLrCTnURavE
        """

    /// `aud` is a list.
    static let audienceList = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        lsib3RoZXIiLCJzbHVpY2UiXSwic3ViIjoiYWxpY2UiLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwM\
        zYwMCwicm9sZXMiOlsibWVtYmVyIl0sInBsYW4iOiJmcmVlIn0.NXtr67xX_BZaUHOmEZKUnZ8AEZz1izCLl\
        BaaO37aftQ
        """

    /// `exp` 1700003600.75, `nbf` 1699999999.5.
    static let fractionalTimes = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLjc1LCJyb\
        2xlcyI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUiLCJuYmYiOjE2OTk5OTk5OTkuNX0.MgFleE2Hf5FSkKUtA\
        0tSU6GMUEOmd5xZJj1UJ3m5ltg
        """

    /// Claims beyond ASCII, written as escapes.
    static let unicodeClaims = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJ6b1x1MDBlYiIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb\
        2xlcyI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUiLCJuYW1lIjoiXHU2NWU1XHU2NzJjIFx1ZDgzZFx1ZGUwM\
        CIsIm5lc3RlZCI6eyJhIjpbMSwyLjUsbnVsbCx0cnVlXX19.wgTlOREK-UlNPUBl2KQFsd40g_o-G4YiVtsp\
        K8RoMME
        """

    /// No `exp`.
    static let withoutExpiry = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwicm9sZXMiOlsibWVtYmVyIl0sInBsY\
        W4iOiJmcmVlIn0.b4TU4l2C6nR1N1HMukjC9dkNFv_eVq-iDjXwjbSL1MQ
        """

    /// Signed with another secret.
    static let otherSecret = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2xlc\
        yI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUifQ.Aj4tF282fyZkUcfYMKfrXJ7bFrhxxdCouGPsI0Xr6BE
        """

    /// `kid` is `backup`.
    static let otherKid = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6ImJhY2t1cCIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzbHVpY2UiLCJhdWQ\
        iOiJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2x\
        lcyI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUifQ.EjkM7jt3XObtkThS80c3Vpf7Bt-R320KpFG_q7j0sto
        """

    /// HS384 with the right secret.
    static let hs384 = """
        eyJhbGciOiJIUzM4NCIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2xlc\
        yI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUifQ.9a83QG0lJdC1PGb535k5bvDNSshT03Qb6Mq-WAIP-Sw6ZM\
        APqBQLK7Nvh-qa0FEW
        """

    /// HS512 with the right secret.
    static let hs512 = """
        eyJhbGciOiJIUzUxMiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2xlc\
        yI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUifQ.BmRx4L24ggloiGmT4fPRVKjJ_8gZcNFlJppEcw3Udljrt6\
        R1NiwTlHirJ4F3GUSxOZnatUq4Ux92xKXaJvzEzA
        """

    /// `alg` is `none`.
    static let unsigned = """
        eyJhbGciOiJub25lIiwia2lkIjoibWFpbiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzbHVpY2UiLCJhdWQiOiJ\
        zbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2xlcyI\
        6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUifQ.
        """

    /// RS256 with a fresh key.
    static let rs256 = """
        eyJhbGciOiJSUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2xlc\
        yI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUifQ.Eaz_0xjI4PofKzoyM5Lmmg8_O-zNMC5O8BGd3LPEbbAryT\
        YnoAIHGZ_xHJnfKquAduzB4NEBW1kSFPIjCAjoBFfUm4IOePXfo0AXBxY9ZvdlCH2pxLgNyHCAWIb0dqK1LY\
        Ms4d6chVNiJ3gOQ173s0XV7L1DLOIsyorkjz37CfqFfJ6_oiiT_99tc4bWLPKbzYHrjUFnd2qlXjgnLZmf2w\
        0c4MiymsGolBq3ClMGY7MqOJFDTxW8WAfvj2RXuDJxS1ks7eLR9HYzWiC1AiU2RypdhADbR9pKkKP2FMFps-\
        8b_ZUBp6mMqpRm6NaVh2r6X1Plq6kHGrkyQwcB6qmnHQ
        """

    /// ES256 with a fresh key.
    static let es256 = """
        eyJhbGciOiJFUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2xlc\
        yI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUifQ.BVJqijftnckXplhy1bg-xQw67gwCDI_ch87oWOCNKTuNgh\
        DBNk517ffvYb_toOJ0OY0TPCgulFCM6QFqu-SUAg
        """

    /// Carries `use: refresh`.
    static let refresh = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2xlc\
        yI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUiLCJ1c2UiOiJyZWZyZXNoIn0.X6EuLwUf3hwbaKC1-ihXlrcn3\
        xugFYil0oc-St3mems
        """

    /// `aud` is `elsewhere`.
    static let wrongAudience = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJlbHNld2hlcmUiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb\
        2xlcyI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUifQ.aQu4aj9bf8y8fCuOJRf_BIb0UOXbx0gzpOeMTTxvyM\
        M
        """

    /// `iss` is `elsewhere`.
    static let wrongIssuer = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJlbHNld2hlcmUiLCJhd\
        WQiOiJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb\
        2xlcyI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUifQ.0h2NdQDmr0LDOG3wgSJf0D_RgH_SXhXOTnnVIE93Pj\
        A
        """

    /// `nbf` is 1700003000.
    static let notYetValid = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJzdWIiOiJhbGljZSIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjoxNzAwMDAzNjAwLCJyb2xlc\
        yI6WyJtZW1iZXIiXSwicGxhbiI6ImZyZWUiLCJuYmYiOjE3MDAwMDMwMDB9.MTyA8ZaND4Ov3BmiqGIERW-F\
        v1CfIpk9i0W4W9IXUSQ
        """

    /// No `sub`.
    static let withoutSubject = """
        eyJhbGciOiJIUzI1NiIsImtpZCI6Im1haW4iLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJzbHVpY2UiLCJhdWQiO\
        iJzbHVpY2UiLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMzYwMCwicm9sZXMiOlsibWVtYmVyIl0sI\
        nBsYW4iOiJmcmVlIn0.DLHHBiuM4Jd2nAIKG9gQtBp8zW9OMhzJ8aSys2IyzHM
        """
}
