import io

import mitogen.service


def fetch(context, path):
    file = io.BytesIO()
    complete, metadata = mitogen.service.FileService.get(context, path, file)
    return {'complete': complete, 'size': metadata['size'], 'mode': metadata['mode'], 'data': file.getvalue()}
