"""What contexts send each other without calling a function."""
import mitogen.core
import mitogen.service


@mitogen.core.takes_router
def listen(handle, router):
    """Answers everyone with what they have sent."""
    def answer(message):
        if not message.is_dead:
            message.reply(mitogen.core.Message(data=message.data))
    router.add_handler(answer, handle=handle)


def ask(context, handle, text):
    request = mitogen.core.Message(handle=handle, data=text.encode('utf-8'))
    return context.send_async(request).get().data.decode('utf-8')


def send_for_ever(sender):
    number = 0
    while True:
        sender.send(number)
        number += 1


def acknowledge(context, size):
    """What a file service answers to something that nobody is to answer; None if nothing comes."""
    receiver = context.call_service_async(mitogen.service.FileService.name(), 'acknowledge', size=size)
    try:
        return repr(receiver.get(timeout=0.5).unpickle())
    except mitogen.core.TimeoutError:
        return None
    except mitogen.core.CallError as error:
        return str(error)


@mitogen.core.takes_econtext
def acknowledge_unread(context, path, seconds, econtext):
    """
    Asks for a file, and acknowledges what comes of it for some time without reading anything; tells how many bytes it has
    acknowledged.
    """
    import os
    import time
    service = mitogen.service.FileService.name()
    receiver = mitogen.core.Receiver(econtext.router)
    context.call_service(service, 'fetch', path=path, sender=receiver.to_sender())
    message = mitogen.core.Message.pickled(
        (service, 'acknowledge', mitogen.core.Kwargs({'size': 1 << 20})),
        dst_id=context.context_id, handle=mitogen.core.CALL_SERVICE,
    )
    message.src_id = message.auth_id = mitogen.context_id
    frame = message.pack()
    done = mitogen.core.Latch()

    def run():
        # This is the only thread that reads the connection.
        end, count = time.time() + seconds, 0
        while time.time() < end:
            try:
                assert os.write(econtext.stream.transmit_side.fd, frame) == len(frame)
                count += 1
            except BlockingIOError:
                pass
            time.sleep(0.002)
        done.put(count << 20)

    econtext.broker.defer(run)
    return done.get(timeout=30)
