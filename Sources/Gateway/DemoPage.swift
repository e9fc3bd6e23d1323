import SluiceEdge

/// The demo's chat page: log in, connect, send, watch pushes and refusals. No outside resources.
enum DemoPage {
    /// Pages by path.
    static let pages: [String: StaticPage] = [
        "/demo": StaticPage(contentType: "text/html; charset=utf-8", body: Array(html.utf8))
    ]

    private static let html = """
        <!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sluice demo</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <style>
        body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1b2733}
        form{display:flex;gap:.5rem;flex-wrap:wrap;margin:.75rem 0}input,select,button{font:inherit;padding:.35rem .6rem}
        #text{flex:1;min-width:12rem}#log{border:1px solid #c9d4de;border-radius:.4rem;padding:.75rem;height:22rem;overflow:auto;background:#f7fafc}
        .in{color:#0b5d3b}.out{color:#24507a}.no{color:#a32020}.meta{color:#66788a;font-size:.9em}
        </style></head><body><h1>Sluice demo</h1>
        <form id="login"><select id="user"><option>alice</option><option>bob</option><option>carol</option></select>
        <input id="password" type="password" value="wonderland" aria-label="password"><button>Log in and connect</button>
        <span id="state" class="meta">not connected</span></form>
        <form id="send"><select id="to"><option>bob</option><option>alice</option><option>carol</option></select>
        <input id="text" placeholder="Say something" autocomplete="off"><button>Send</button>
        <button type="button" id="burst">Send 20</button></form><div id="log" aria-live="polite"></div>
        <script>
        const passwords={alice:'wonderland',bob:'builder',carol:'singer'},$=id=>document.getElementById(id);
        let socket,seq=0;
        $('user').onchange=()=>{$('password').value=passwords[$('user').value]};
        function say(cls,text){const p=document.createElement('div');p.className=cls;p.textContent=text;$('log').append(p);$('log').scrollTop=1e9}
        $('login').onsubmit=async e=>{e.preventDefault();if(socket)socket.close();
          const r=await fetch('/v1/login',{method:'POST',headers:{'Content-Type':'application/json'},
            body:JSON.stringify({user:$('user').value,password:$('password').value})}),body=await r.json();
          if(!r.ok){say('no',`login refused: ${body.name} ${body.detail}`);return}
          socket=new WebSocket(`ws://${location.host}/ws`,['sluice.v1.json','bearer.'+body.token]);
          socket.onmessage=m=>{const e=JSON.parse(m.data);
            if(e.cmd===1){$('state').textContent='connected as '+e.data.user;say('meta','session '+e.data.session)}
            else if(e.refusal)say('no',`#${e.seq} ${e.refusal.name}: ${e.refusal.message} rule ${e.refusal.rule||'-'}, again in ${e.refusal.retry_after_ms||0} ms`);
            else if(e.push)say('in',e.cmd===1003?`${e.data.from}: ${e.data.text}`:`push ${e.cmd} ${JSON.stringify(e.data)}`);
            else say('meta',`#${e.seq} ok ${JSON.stringify(e.data)}`)};
          socket.onclose=c=>{$('state').textContent='not connected';say('meta',`closed ${c.code} ${c.reason}`)}};
        function send(text){if(!socket||socket.readyState!==1){say('no','log in first');return}
          seq+=1;say('out',`#${seq} to ${$('to').value}: ${text}`);
          socket.send(JSON.stringify({cmd:1001,seq,data:{to:$('to').value,text}}))}
        $('send').onsubmit=e=>{e.preventDefault();send($('text').value);$('text').value=''};
        $('burst').onclick=()=>{for(let i=1;i<=20;i++)send('burst '+i)};
        </script></body></html>
        """
}
